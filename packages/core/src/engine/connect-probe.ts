import { connect, isIP } from 'node:net';
import type { ConnectProbe, Reach } from './health.js';

/** Nobody is there to say no. */
const SILENT: ReadonlySet<string | undefined> = new Set([
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
]);

/** Opens a TCP connection and closes it at once. Rejects when the host's name is not found out in time. */
export const connectProbe: ConnectProbe = ({ host, port }, timeoutMs) =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    let located = isIP(host) !== 0;
    const settle = (reach: Reach): void => {
      socket.destroy();
      resolve(reach);
    };
    const late = (): void => {
      socket.destroy();
      if (located) resolve('silent');
      else reject(new Error(`${host} was not found out within ${timeoutMs} ms`));
    };
    socket.unref();
    socket.once('lookup', (error: Error | null) => {
      located = error === null;
    });
    socket.once('connect', () => settle('accepts'));
    // After the event loop stood still, what has come back in time is still to be read.
    socket.once('timeout', () => setImmediate(late));
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      settle(SILENT.has(code) ? 'silent' : 'refuses'),
    );
  });
