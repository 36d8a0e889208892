import { parseAllDocuments } from 'yaml';
import { ServersError } from '../errors.js';
import { APPLY_PATCH, type ApiAnswer, type ApiClient, type ApiObject } from './api-client.js';
import { isNamespaced, pathOf } from './kinds.js';

/** Objects of any kind, read and written as the administrator. */
export class Objects {
  readonly #client: ApiClient;

  constructor(client: ApiClient) {
    this.#client = client;
  }

  /** Any request; see {@link ApiClient.request}. */
  request<T = ApiObject>(
    method: string,
    path: string,
    body?: unknown,
    contentType?: string,
  ): Promise<ApiAnswer<T>> {
    return this.#client.request<T>(method, path, body, contentType);
  }

  /** Any request that must succeed; resolves to the body. @throws ServersError `bad-answer` from status 400 */
  ok<T = ApiObject>(method: string, path: string, body?: unknown, contentType?: string): Promise<T> {
    return this.#client.ok<T>(method, path, body, contentType);
  }

  /** Creates an object, or replaces the one of that name whole. */
  async put(object: { kind: string; metadata: { name: string; namespace?: string } }): Promise<ApiObject> {
    const { name, namespace = 'default' } = object.metadata;
    const created = await this.create(object);
    return created ?? this.ok('PUT', pathOf(object.kind, namespace, name), object);
  }

  /** Creates an object; undefined when there is one of that name, which stays as it is. */
  async create(object: {
    kind: string;
    metadata: { name: string; namespace?: string };
  }): Promise<ApiObject | undefined> {
    try {
      return await this.ok('POST', pathOf(object.kind, object.metadata.namespace ?? 'default'), object);
    } catch (error) {
      if (error instanceof ServersError && error.status === 409) return undefined;
      throw error;
    }
  }

  get(kind: string, namespace: string, name: string): Promise<ApiObject> {
    return this.ok('GET', pathOf(kind, namespace, name));
  }

  /** Deletes an object, if there is one. */
  async delete(kind: string, namespace: string, name: string): Promise<void> {
    await this.ok('DELETE', pathOf(kind, namespace, name)).catch((error: unknown) => {
      if (!(error instanceof ServersError && error.status === 404)) throw error;
    });
  }

  /**
   * Applies a manifest of any number of documents, as `kubectl apply --server-side` does. Namespaces that objects stand
   * in are created.
   *
   * @param namespace of objects that name none: `default` by default
   */
  async apply(yaml: string, namespace = 'default'): Promise<void> {
    for (const document of parseAllDocuments(yaml)) {
      const [flaw] = document.errors;
      if (flaw !== undefined) throw flaw;
      const object = document.toJS() as ApiObject | null;
      if (object !== null) await this.#applyOne(object, object.metadata.namespace ?? namespace);
    }
  }

  async #applyOne(object: ApiObject, namespace: string): Promise<void> {
    const { kind, metadata } = object;
    const namespaced = isNamespaced(kind);
    if (namespaced) await this.namespace(namespace);
    const whole = namespaced ? { ...object, metadata: { ...metadata, namespace } } : object;
    const path = pathOf(kind, namespace, metadata.name);
    // JSON is YAML, so the parsed document can be sent.
    await this.ok('PATCH', `${path}?fieldManager=crowfly-tests&force=true`, whole, APPLY_PATCH);
  }

  /** Creates a namespace, if there is none. */
  async namespace(name: string): Promise<void> {
    await this.create({ kind: 'Namespace', metadata: { name } });
  }
}
