import { readFile } from 'node:fs/promises';
import { request as http } from 'node:http';
import { request as https } from 'node:https';
import { ServersError } from '../errors.js';
import type { Certificates } from './certificates.js';

const ANSWER_MS = 10_000;

export interface ConsulAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** Consul's HTTP interface, as whoever sets up a test needs it: with a management token, and without patience. */
export class ConsulApi {
  readonly origin: string;
  readonly #token: string | undefined;
  readonly #certificates: Certificates | undefined;

  constructor(origin: string, token: string | undefined, certificates: Certificates | undefined) {
    this.origin = origin;
    this.#token = token;
    this.#certificates = certificates;
  }

  /** One request. `body`: sent as JSON, or as it is when it is bytes. */
  async request(method: string, path: string, body?: unknown): Promise<ConsulAnswer & { bytes: Buffer }> {
    const material = this.#certificates;
    const tls =
      material === undefined
        ? {}
        : {
            ca: material.ca,
            cert: await readFile(material.clientCertFile),
            key: await readFile(material.clientKeyFile),
          };
    const data = body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const send = this.origin.startsWith('https:') ? https : http;
      const headers = this.#token === undefined ? {} : { 'x-consul-token': this.#token };
      const sent = send(
        `${this.origin}${path}`,
        { method, headers, agent: false, signal: AbortSignal.timeout(ANSWER_MS), ...tls },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('error', reject);
          answer.on('end', () => {
            const bytes = Buffer.concat(chunks);
            const { statusCode: status = 0 } = answer;
            resolve({ status, headers: answer.headers, text: bytes.toString('utf8'), bytes });
          });
        },
      );
      sent.on('error', reject);
      sent.end(data);
    });
  }

  /** @returns the answer's JSON. @throws ServersError `bad-answer` for any status but 200 */
  async call<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const { status, text } = await this.request(method, path, body);
    if (status !== 200)
      throw new ServersError('bad-answer', `consul: ${method} ${path} was answered ${status}: ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }
}
