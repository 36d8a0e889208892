import { connect } from 'node:net';
import type { ConnectProbe, Reach } from './health.js';

/** Nobody is there to say no. */
const SILENT: ReadonlySet<string | undefined> = new Set([
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
]);

/** Opens a TCP connection and closes it at once. */
export const connectProbe: ConnectProbe = (endpoint, timeoutMs) =>
  new Promise((resolve) => {
    const socket = connect({ host: endpoint.host, port: endpoint.port, timeout: timeoutMs });
    const settle = (reach: Reach): void => {
      socket.destroy();
      resolve(reach);
    };
    socket.unref();
    socket.once('connect', () => settle('accepts'));
    // After the event loop stood still, what has come back in time is still to be read.
    socket.once('timeout', () => setImmediate(settle, 'silent'));
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      settle(SILENT.has(code) ? 'silent' : 'refuses'),
    );
  });
