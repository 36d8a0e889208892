import { checkServerIdentity } from 'node:tls';
import type { buildConnector } from 'undici';
import { markNotSent } from './classify.js';
import type { Undici } from './load-undici.js';
import type { Address } from './per-instance.js';
import { stallSafeTimer } from './stall-safe-timer.js';

export type Connector = buildConnector.connector;

/**
 * Opens connections that prove to be `identity` by their certificate, whatever address they lead to; without `identity`
 * plain ones.
 *
 * One per identity, as each has its own cache of TLS sessions: Node.js does not check the identity again when a session
 * is resumed.
 */
export function connectorFor(undici: Undici, identity: string | undefined): Connector {
  // The connector's own limit is 0 (off): `bounded` sets one that an event loop that is blocked does not run down.
  const options = { timeout: 0 };
  if (identity === undefined) return undici.buildConnector(options);
  const connect = undici.buildConnector({
    ...options,
    checkServerIdentity: (_name, certificate) => checkServerIdentity(identity, certificate),
  });
  // What undici derives from the Host header must not decide whom we trust.
  return (target, callback) => connect({ ...target, servername: identity }, callback);
}

/**
 * `connect` to one address, within a time limit.
 *
 * @param connectMs asked for each connection
 */
export function bounded(
  undici: Undici,
  connect: Connector,
  address: Address,
  connectMs: () => number,
): Connector {
  return (target, callback) => {
    const limitMs = connectMs();
    const where = `${address.host}:${address.port}`;
    const answer: typeof callback = (...outcome) => {
      cancel();
      if (outcome[0] !== null) markNotSent(outcome[0]);
      callback(...outcome);
    };
    // The declaration of a connector hides that undici's own returns the socket.
    const socket = connect(
      { ...target, hostname: address.host, port: String(address.port) },
      answer,
    ) as unknown as {
      destroy(error: Error): void;
    };
    const cancel = stallSafeTimer(limitMs, () => {
      socket.destroy(new undici.errors.ConnectTimeoutError(`no connection to ${where} within ${limitMs} ms`));
    });
  };
}
