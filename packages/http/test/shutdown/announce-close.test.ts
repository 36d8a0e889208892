import type { OutgoingHttpHeader, RequestListener, ServerResponse } from 'node:http';
import { expect } from 'chai';
import { Leaving, listening } from '../support/leaving.ts';

describe('Connection: close on answers', () => {
  let leaving: Leaving;
  beforeEach(() => {
    leaving = new Leaving();
  });
  afterEach(() => leaving.close());

  /** The head of an answer while its server drains. */
  const headOf = async (listener: RequestListener): Promise<string> => {
    const server = await listening(leaving.server(listener));
    void leaving.leave(server).shutdown();
    const wire = await leaving.wire(server);
    wire.get();
    let head = await wire.reads('\r\n\r\n');
    if (head.startsWith('HTTP/1.1 1')) head = await wire.reads('\r\n\r\n');
    await wire.ends();
    return head;
  };

  const keepAlive = { 'X-Id': '7', connection: 'keep-alive' };
  const handlers: Readonly<Record<string, (response: ServerResponse) => unknown>> = {
    'end alone': (response) => response.setHeader('X-Id', '7').end(),
    'write, later end': (response) => {
      response.setHeader('X-Id', '7').write('a');
      setImmediate(() => response.end('b'));
    },
    flushHeaders: (response) => {
      response.setHeader('X-Id', '7').flushHeaders();
      setImmediate(() => response.end());
    },
    'setHeader of the connection, as proxies do': (response) => {
      for (const [name, value] of Object.entries(keepAlive)) response.setHeader(name, value);
      response.end();
    },
    'writeHead with an object': (response) => response.writeHead(200, keepAlive).end(),
    'writeHead with a text and an object': (response) => response.writeHead(200, 'Fine', keepAlive).end(),
    'writeHead with a list': (response) => response.writeHead(200, Object.entries(keepAlive).flat()).end(),
    'writeHead with a list of pairs': (response) =>
      response.writeHead(200, Object.entries(keepAlive) as unknown as OutgoingHttpHeader[]).end(),
    'writeHead with a list, after setHeader': (response) =>
      response.setHeader('Connection', 'keep-alive').writeHead(200, ['X-Id', '7']).end(),
    'writeHead with a status alone': (response) => response.setHeader('X-Id', '7').writeHead(204).end(),
    'an interim answer before': (response) => {
      response.writeProcessing();
      response.setHeader('X-Id', '7').end();
    },
    'a handler that wraps writeHead itself': (response) => {
      const writeHead = response.writeHead.bind(response) as (status: number) => ServerResponse;
      response.writeHead = (status: number) => {
        response.setHeader('X-Id', '7').setHeader('Connection', 'keep-alive');
        return writeHead(status);
      };
      response.end();
    },
  };
  for (const [name, handler] of Object.entries(handlers)) {
    it(`${name}: is added once, and nothing else is lost`, async () => {
      const head = await headOf((_request, response) => void handler(response));
      expect(head.match(/^connection:.*$/gim)).to.deep.equal(['Connection: close']);
      expect(head).to.match(/^x-id: 7$/im);
    });
  }
});
