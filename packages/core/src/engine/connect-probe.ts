import { connect } from 'node:net';
import type { ConnectProbe } from './health.js';

/** Opens a TCP connection and closes it at once. */
export const connectProbe: ConnectProbe = (endpoint, timeoutMs) =>
  new Promise((resolve) => {
    const socket = connect({ host: endpoint.host, port: endpoint.port, timeout: timeoutMs });
    const settle = (connected: boolean): void => {
      socket.destroy();
      resolve(connected);
    };
    socket.unref();
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
