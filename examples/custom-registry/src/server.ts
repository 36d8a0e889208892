import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the server behaves: well, or in one of the ways in which servers fail. */
export type Mode = 'well' | 'broken' | 'garbled' | 'answers at once' | 'closes at once';

/** A registry of services in one small HTTP server: what the adapter beside it talks to. */
export class PhoneBookServer {
  readonly #server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://phone-book');
    this.#answer(url.pathname.replace('/services/', ''), url.searchParams.get('after') ?? '', response);
  });
  readonly #services = new Map<string, { readonly version: number; readonly body: string | undefined }>();
  /** Long polls that wait for a change, by service. */
  readonly #waiting = new Map<ServerResponse, string>();
  #version = 0;
  #mode: Mode = 'well';

  /** @returns its origin */
  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Sets the entries of a service; `undefined`: there is no such service. */
  put(service: string, entries: readonly unknown[] | undefined): void {
    this.#services.set(service, { version: ++this.#version, body: JSON.stringify(entries) });
    this.#wake((name) => name === service);
  }

  become(mode: Mode): void {
    this.#mode = mode;
    if (mode === 'broken') for (const response of this.#waiting.keys()) response.destroy();
    this.#wake(() => true);
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  #answer(service: string, after: string, response: ServerResponse): void {
    const { version, body } = this.#services.get(service) ?? { version: 0, body: undefined };
    if (this.#mode === 'closes at once') return void response.destroy();
    if (this.#mode === 'well' && after === String(version)) {
      this.#waiting.set(response, service);
      response.once('close', () => this.#waiting.delete(response));
      return;
    }
    response.setHeader('x-version', version);
    if (this.#mode === 'broken') response.writeHead(500).end('out of order');
    else if (this.#mode === 'garbled') response.end('<html>a page of some proxy</html>');
    else if (body === undefined) response.writeHead(404).end();
    else response.setHeader('content-type', 'application/json').end(body);
  }

  #wake(concerned: (service: string) => boolean): void {
    for (const [response, service] of [...this.#waiting]) {
      if (!concerned(service) || response.destroyed) continue;
      this.#waiting.delete(response);
      this.#answer(service, '', response);
    }
  }
}
