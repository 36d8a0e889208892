import type { Socket } from 'node:net';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { type Check, type Clock, check, checkOptions } from '@crowfly/core';
import { tellConnect, type WireProtocol } from './channels.js';
import { connectError, failed, materialError, type Place, placeName } from './errors.js';
import type { Stop, Stoppable } from './exchange.js';
import type { Limits, Origin } from './options.js';
import { timeLimit } from './time-limit.js';
import type { ConnectionOptions } from './types.js';

/** What all of a client's connections have in common. */
export interface Context {
  readonly origin: Origin;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly connection: () => ConnectionOptions | Promise<ConnectionOptions>;
}

/** A connection that is open, and what is spoken on it. */
export interface Dialled {
  readonly socket: Socket;
  readonly protocol: WireProtocol;
  readonly place: Place;
}

const bytes: Check = (value) => {
  if (!Buffer.isBuffer(value)) throw new TypeError('not bytes');
};
const one = [check.string, bytes] as const;
const MATERIAL = check.either(
  'PEM text or bytes, or a list of them',
  ...one,
  check.list(check.either('PEM text or bytes', ...one)),
);

const SHAPE: Readonly<Record<string, Check>> = {
  ca: MATERIAL,
  cert: MATERIAL,
  key: MATERIAL,
  passphrase: check.either('text', check.string, check.oneOf('')),
  pfx: MATERIAL,
  servername: check.string,
  socketPath: check.string,
};

/** The kernel asks a silent peer by itself after this time: it helps connections that wait, and costs nothing. */
const TCP_KEEP_ALIVE_MS = 15_000;

/**
 * Opens one connection.
 *
 * @param protocols what to offer over TLS, the preferred one first
 * @throws CrowflyError `registry-failed`; what `connection` throws; the reason of the stop
 */
export function dial(
  context: Context,
  protocols: readonly ('h2' | 'http/1.1')[],
  stoppable: Stoppable,
): Promise<Dialled> {
  const { origin, clock, limits } = context;
  return new Promise((resolve, reject) => {
    const state: Dialling = { place: { origin }, socket: undefined, over: false };
    const end = (): boolean => {
      if (state.over) return false;
      state.over = true;
      cancel();
      off();
      return true;
    };
    const fail: Stop = (reason) => {
      if (!end()) return;
      state.socket?.destroy();
      reject(reason);
    };
    const cancel = timeLimit(clock, limits.connectMs, true, () => {
      const what = `no connection to ${placeName(state.place)} within ${limits.connectMs} ms (connectMs)`;
      fail(failed(`${what}: is the address right, and is it reachable from here?`));
    });
    let off = (): void => {};
    off = stoppable.onStop(fail);
    if (state.over) return;
    connect(context, protocols, state, fail).then((dialled) => {
      if (dialled === undefined || !end()) return;
      tellConnect({ origin: origin.name, protocol: dialled.protocol });
      resolve(dialled);
    }, fail);
  });
}

interface Dialling {
  place: Place;
  socket: Socket | undefined;
  over: boolean;
}

/** @returns `undefined` when the attempt ended meanwhile */
async function connect(
  context: Context,
  protocols: readonly string[],
  state: Dialling,
  fail: Stop,
): Promise<Dialled | undefined> {
  const { origin } = context;
  const [options, net, tls] = await Promise.all([
    context.connection(),
    import('node:net'),
    origin.tls ? import('node:tls') : undefined,
  ]);
  if (state.over) return undefined;
  checkOptions('connection()', options, SHAPE);
  const { socketPath } = options;
  const place: Place = { origin, socketPath };
  state.place = place;
  const onError = (error: unknown): void => fail(connectError(place, error));
  const tcp = net.connect(
    socketPath === undefined ? { host: origin.host, port: origin.port } : { path: socketPath },
  );
  state.socket = tcp;
  // For good: an error of a socket without a listener ends the process.
  tcp.on('error', onError);
  tcp.setNoDelay(true);
  tcp.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
  await opened(tcp, 'connect');
  if (state.over) return undefined;
  if (tls === undefined) return { socket: tcp, protocol: 'h1', place };
  const identity = options.servername ?? origin.host.replace(/\.$/, '');
  try {
    const secure = tls.connect({
      ...material(options),
      socket: tcp,
      ALPNProtocols: [...protocols],
      // SNI holds names only; what is verified is always `identity`.
      ...(net.isIP(identity) === 0 ? { servername: identity } : {}),
      checkServerIdentity: (_name, certificate) => tls.checkServerIdentity(identity, certificate),
      // Also where the environment says otherwise.
      rejectUnauthorized: true,
    });
    state.socket = secure;
    secure.on('error', onError);
    await opened(secure, 'secureConnect');
    const protocol = secure.alpnProtocol === 'h2' ? 'h2' : 'h1';
    return state.over ? undefined : { socket: secure, protocol, place };
  } catch (error) {
    tcp.destroy();
    throw materialError(place, error);
  }
}

/** Never, when it fails: that is told by its error. */
function opened(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve) => socket.once(event, () => resolve()));
}

function material({ ca, cert, key, passphrase, pfx }: ConnectionOptions): TlsOptions {
  const given = Object.entries({ ca, cert, key, passphrase, pfx }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as TlsOptions;
}
