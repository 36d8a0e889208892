/** An object of the API, as much as the fake needs to know of it. */
export interface ApiObject {
  metadata: {
    name: string;
    namespace: string;
    labels?: Record<string, string>;
    resourceVersion?: string;
    [key: string]: unknown;
  };
  [key: string]: unknown;
}

export type Resource = 'endpointslices' | 'endpoints' | 'services' | 'namespaces';

/** One change, as a watch may have to tell it. */
export interface Change {
  readonly version: number;
  readonly resource: Resource;
  readonly before: ApiObject | undefined;
  readonly after: ApiObject | undefined;
}

/** What etcd is to a cluster: objects, one version counter for all of them, and a history that can be compacted. */
export class Cluster {
  version = 1_000;
  /** Changes up to this one are not known any more. */
  compacted = 0;
  readonly #objects = new Map<string, { resource: Resource; object: ApiObject }>();
  #history: Change[] = [];
  readonly #listeners = new Set<(changes: readonly Change[]) => void>();
  #batch: Change[] | undefined;

  list(resource: Resource, namespace: string): ApiObject[] {
    return [...this.#objects.values()]
      .filter((entry) => entry.resource === resource && entry.object.metadata.namespace === namespace)
      .map(({ object }) => object);
  }

  get(resource: Resource, namespace: string, name: string): ApiObject | undefined {
    return this.#objects.get(keyOf(resource, namespace, name))?.object;
  }

  /** Creates or replaces. Whatever is given is served as it is, with a new version. */
  put(resource: Resource, object: ApiObject): void {
    const { namespace, name } = object.metadata;
    const before = this.get(resource, namespace, name);
    const version = ++this.version;
    const after = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    this.#objects.set(keyOf(resource, namespace, name), { resource, object: after });
    this.#tell({ version, resource, before, after });
  }

  delete(resource: Resource, namespace: string, name: string): void {
    const before = this.get(resource, namespace, name);
    if (before === undefined) return;
    this.#objects.delete(keyOf(resource, namespace, name));
    this.#tell({ version: ++this.version, resource, before, after: undefined });
  }

  /** Time passes elsewhere: only the counter moves. */
  churn(versions = 1): void {
    this.version += versions;
  }

  /** History is forgotten: to watch from before now is to have expired. */
  compact(): void {
    this.#history = [];
    this.compacted = this.version;
  }

  /** Restored from a backup: the objects stay, the counter goes back. */
  restore(version: number): void {
    this.version = version;
    this.#history = [];
    this.compacted = 0;
  }

  since(version: number): readonly Change[] {
    return this.#history.filter((change) => change.version > version);
  }

  /** What changes within reaches each watch in one piece. */
  together(work: () => void): void {
    this.#batch = [];
    work();
    const changes = this.#batch;
    this.#batch = undefined;
    for (const listener of [...this.#listeners]) listener(changes);
  }

  /** What changes within is told to nobody, as if no watch had been open. */
  unheard(work: () => void): void {
    this.#batch = [];
    work();
    this.#batch = undefined;
  }

  subscribe(listener: (changes: readonly Change[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(change: Change): void {
    this.#history.push(change);
    if (this.#batch !== undefined) this.#batch.push(change);
    else for (const listener of [...this.#listeners]) listener([change]);
  }
}

const keyOf = (...parts: readonly string[]): string => JSON.stringify(parts);

/** Whether an object is of a collection, as `labelSelector` and `fieldSelector` of the query say. */
export function selects(query: URLSearchParams, object: ApiObject): boolean {
  const field = query.get('fieldSelector');
  if (field !== null && field !== `metadata.name=${object.metadata.name}`) return false;
  const label = query.get('labelSelector');
  if (label === null) return true;
  const [, key = '', values] = /^([^ =]+)(?: in \(([^)]*)\))?$/.exec(label) ?? [];
  if (key === '') throw new Error(`the fake does not read the labelSelector '${label}'`);
  const labels = object.metadata.labels ?? {};
  return (
    Object.hasOwn(labels, key) && (values === undefined || values.split(',').includes(labels[key] ?? ''))
  );
}
