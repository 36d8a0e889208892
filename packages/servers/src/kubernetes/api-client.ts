import { Agent, request } from 'node:https';
import { ServersError } from '../errors.js';

/** What the API server sends: an object, a list, or a Status. */
export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly items?: readonly ApiObject[];
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever fields a kind has
  readonly [field: string]: any;
}

export interface ApiAnswer<T = ApiObject> {
  readonly status: number;
  readonly body: T;
}

const JSON_TYPE = 'application/json';
export const MERGE_PATCH = 'application/merge-patch+json';
export const APPLY_PATCH = 'application/apply-patch+yaml';

const TIMEOUT_MS = 30_000;

/** Requests to the API server, as one user, over a kept connection. */
export class ApiClient {
  readonly origin: string;
  readonly #token: string;
  readonly #agent: Agent;

  constructor(origin: string, ca: string, token: string) {
    this.origin = origin;
    this.#token = token;
    this.#agent = new Agent({ ca, keepAlive: true });
  }

  /**
   * Any request, with any status as its answer.
   *
   * @param body an object is sent as JSON, a string as it is
   * @param contentType `application/json` by default; PATCH needs one of the patch types
   * @throws ServersError `bad-answer` when there is no answer within 30 s
   */
  request<T = ApiObject>(
    method: string,
    path: string,
    body?: unknown,
    contentType = JSON_TYPE,
  ): Promise<ApiAnswer<T>> {
    const sent = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const headers = {
      accept: JSON_TYPE,
      authorization: `Bearer ${this.#token}`,
      ...(sent === undefined
        ? {}
        : { 'content-type': contentType, 'content-length': String(Buffer.byteLength(sent)) }),
    };
    return new Promise((resolve, reject) => {
      const fail = (cause: Error): void =>
        reject(new ServersError('bad-answer', `${method} ${path}: ${cause.message}`, { cause }));
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const req = request(this.origin + path, { method, headers, agent: this.#agent, signal }, (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        res.once('error', fail);
        res.once('end', () => resolve({ status: res.statusCode ?? 0, body: parse(text) as T }));
      });
      req.once('error', fail);
      req.end(sent);
    });
  }

  /** The body of a good answer. @throws ServersError `bad-answer` with the server's message, from status 400 */
  async ok<T = ApiObject>(method: string, path: string, body?: unknown, contentType?: string): Promise<T> {
    const answer = await this.request<T>(method, path, body, contentType);
    if (answer.status < 400) return answer.body;
    const said = (answer.body as { message?: string } | undefined)?.message ?? String(answer.body);
    throw new ServersError('bad-answer', `${method} ${path}: ${answer.status} ${said}`, {
      status: answer.status,
    });
  }

  /** Drops kept connections; it may be used again. */
  close(): void {
    this.#agent.destroy();
  }
}

/** `/readyz` and the like answer with text. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
