import type { IncomingMessage, ServerResponse } from 'node:http';

/** A body of at most this many bytes has arrived, or is about to, when its request is answered. */
const SMALL_BODY = 64 * 1024;

/**
 * Makes `Connection: close` part of the answer, whatever its handler says about the connection. Nothing happens when the
 * head of the answer has been sent.
 *
 * @param evenInUpload whether also an answer that comes before a large body has arrived has to say so. Node.js closes
 *   the connection after such an answer, and a client that is still sending may see a reset and no answer.
 */
export function announceClose(
  request: IncomingMessage,
  response: ServerResponse,
  evenInUpload: () => boolean,
): void {
  if (response.headersSent) return;
  const writeHead = response.writeHead as (...args: unknown[]) => ServerResponse;
  // Not setHeader now: a handler that sets the header itself, as every reverse proxy does, would have the last word.
  const announcing = (status: number, ...rest: unknown[]): ServerResponse => {
    if (status >= 200 && (evenInUpload() || !isUploading(request))) rest = closing(response, rest);
    return writeHead.call(response, status, ...rest);
  };
  response.writeHead = announcing as ServerResponse['writeHead'];
}

function isUploading({ complete, headers }: IncomingMessage): boolean {
  if (complete) return false;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > SMALL_BODY;
}

const isConnection = (name: unknown): boolean => String(name).toLowerCase() === 'connection';

/** What writeHead was given after the status, with `Connection: close` in its headers or set on the response. */
function closing(response: ServerResponse, rest: readonly unknown[]): unknown[] {
  const headers = rest.at(-1);
  const before = rest.slice(0, -1);
  if (typeof headers !== 'object' || headers === null) {
    response.setHeader('Connection', 'close');
    return [...rest];
  }
  if (!Array.isArray(headers)) {
    const kept = Object.entries(headers).filter(([name]) => !isConnection(name));
    return [...before, { ...Object.fromEntries(kept), Connection: 'close' }];
  }
  if (Array.isArray(headers[0])) {
    return [...before, [...headers.filter(([name]) => !isConnection(name)), ['Connection', 'close']]];
  }
  const kept = headers.filter((_, index) => !isConnection(headers[index - (index % 2)]));
  return [...before, [...kept, 'Connection', 'close']];
}
