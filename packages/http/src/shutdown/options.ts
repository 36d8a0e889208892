import { Server } from 'node:net';
import {
  type Check,
  type Clock,
  CrowflyError,
  check,
  checkOptions,
  consoleLogger,
  kindOf,
  type Logger,
  systemClock,
} from '@crowfly/core';
import type { NodeServer } from './leaving-server.js';
import { checkSignals } from './signals.js';

/** What is told the reason: the signal, or what `shutdown` was given. May be async; an error is logged and changes nothing. */
export type ShutdownHook = (reason: string) => unknown;

/** All are optional. */
export interface GracefulShutdownOptions {
  /** The signals that start it; `false`: only `shutdown()` does. Default `['SIGTERM', 'SIGINT']`. */
  readonly signals?: readonly NodeJS.Signals[] | false;
  /**
   * How long everything is still accepted and answered, while clients learn that the instance leaves. Default 5000 ms.
   * Ctrl-C on a terminal does not wait for it.
   */
  readonly delayMs?: number;
  /** After that, how long requests in flight may take; what is left is cut. Default 10,000 ms. */
  readonly closeMs?: number;
  /**
   * Whether a signal ends the process, as it does without us: at the latest 5 s after the servers are closed, even if
   * something keeps it alive. `false`: it ends when nothing keeps it alive. `shutdown()` never ends it. Default `true`.
   */
  readonly exit?: boolean;
  /** Called first: say to a registry that this instance drains. The delay lasts until it has settled. */
  readonly onDraining?: ShutdownHook;
  /** Called after the delay, with everything still served: deregister, end streams and WebSockets. */
  readonly beforeClose?: ShutdownHook;
  /** Called when no connection is left: close databases, flush. Has 4 s. */
  readonly onClosed?: ShutdownHook;
  /** Default: the console. `false`: silence. */
  readonly logger?: Logger | false;
  /** Default: the system's. */
  readonly clock?: Clock;
}

export type Settings = Required<
  Omit<GracefulShutdownOptions, 'onDraining' | 'beforeClose' | 'onClosed' | 'logger'>
> &
  Pick<GracefulShutdownOptions, 'onDraining' | 'beforeClose' | 'onClosed'> & { readonly logger: Logger };

/** Every default that is a value. With the 5 s for what comes after the servers: 20 s, well within the 30 s that Kubernetes gives. */
export const GRACEFUL_SHUTDOWN_DEFAULTS = {
  signals: ['SIGTERM', 'SIGINT'],
  delayMs: 5_000,
  closeMs: 10_000,
  exit: true,
} as const satisfies GracefulShutdownOptions;

const SHAPE: Readonly<Record<keyof GracefulShutdownOptions, Check>> = {
  signals: checkSignals,
  delayMs: check.ms(),
  closeMs: check.ms(),
  exit: check.boolean,
  onDraining: check.function,
  beforeClose: check.function,
  onClosed: check.function,
  logger: check.either('an object with info() and warn(), or false', check.oneOf(false), (value, path) => {
    check.function((value as Logger | null)?.info, path);
    check.function((value as Logger | null)?.warn, path);
  }),
  clock: check.anyObject,
};

/** @throws CrowflyError `bad-option` */
export function settingsOf(options: GracefulShutdownOptions): Settings {
  checkOptions('gracefulShutdown', options, SHAPE);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const { logger = consoleLogger, ...rest } = given as GracefulShutdownOptions;
  return {
    ...GRACEFUL_SHUTDOWN_DEFAULTS,
    clock: systemClock,
    ...rest,
    logger: logger === false ? { info() {}, warn() {} } : logger,
  };
}

/** @throws CrowflyError `bad-option` for what is no server, such as an Express or Fastify app */
export function checkServers(given: NodeServer | readonly NodeServer[]): readonly NodeServer[] {
  const servers: readonly NodeServer[] = Array.isArray(given) ? [...new Set(given)] : [given as NodeServer];
  for (const server of servers) {
    if (server instanceof Server) continue;
    const what =
      'a server of node:http, node:https or node:http2, or a list of them (what app.listen() of Express gives, app.server of Fastify, app.getHttpServer() of Nest)';
    throw new CrowflyError(
      'bad-option',
      `gracefulShutdown(server): expected ${what}, got ${kindOf(server)}`,
      {
        path: 'gracefulShutdown(server)',
      },
    );
  }
  return servers;
}
