import { isatty } from 'node:tty';
import { describeError } from '@crowfly/core';
import { Deadline } from './shutdown/deadline.js';
import { LeavingServer, type NodeServer } from './shutdown/leaving-server.js';
import { checkServers, type GracefulShutdownOptions, type Settings, settingsOf } from './shutdown/options.js';
import { exitCode, Signals } from './shutdown/signals.js';

/** How long connections that were cut are waited for. */
const CUT_MS = 500;
/** What `onClosed` has after the servers are closed. */
const ON_CLOSED_MS = 4_000;
/** What the process then has to end by itself. */
const EXIT_MS = 1_000;

/**
 * - `serving`: as ever
 * - `draining`: still accepts and answers everything, and sends clients elsewhere; a readiness probe should fail
 * - `closing`: accepts no connection, answers what is in flight
 * - `closed`: no connection is left
 */
export type ShutdownState = 'serving' | 'draining' | 'closing' | 'closed';

export interface ShutdownReport {
  /** Connections that were still in use when the time was up, and were cut. */
  readonly cut: number;
}

export interface GracefulShutdown {
  readonly state: ShutdownState;
  /**
   * Starts it, or joins the one that runs. Resolves when the servers are closed and `onClosed` has settled; never rejects,
   * never ends the process.
   *
   * @param reason for the log and the hooks. Default `'shutdown()'`
   */
  shutdown(reason?: string): Promise<ShutdownReport>;
  /** Takes its hands off the signals and the servers. A shutdown that runs goes on. */
  dispose(): void;
}

/**
 * Lets a server leave without losing a request: on SIGTERM or SIGINT it goes on serving for `delayMs` while its answers say
 * `Connection: close` (HTTP/2: GOAWAY), then stops accepting, answers what is in flight, and lets the process end. A second
 * signal ends the process at once. Takes at most `delayMs + closeMs`, and 5 s more for the end of the process.
 *
 * Call it once per process, with all its servers, before or after `listen`.
 *
 * @example
 * ```ts
 * const server = createServer(handler).listen(8080);
 * const lifecycle = gracefulShutdown(server);
 * // for the readiness probe: lifecycle.state === 'serving'
 * ```
 * @throws CrowflyError `bad-option` when an option is unknown or wrong, or `server` is no server of Node.js
 */
export function gracefulShutdown(
  server: NodeServer | readonly NodeServer[],
  options: GracefulShutdownOptions = {},
): GracefulShutdown {
  return new Shutdown(checkServers(server), settingsOf(options));
}

class Shutdown implements GracefulShutdown {
  readonly #servers: readonly LeavingServer[];
  readonly #settings: Settings;
  readonly #signals: Signals;
  #state: ShutdownState = 'serving';
  #running: Promise<ShutdownReport> | undefined;
  /** When everything has to be over. */
  #end: Deadline | undefined;

  constructor(servers: readonly NodeServer[], settings: Settings) {
    const { clock, signals } = settings;
    this.#settings = settings;
    this.#servers = servers.map((server) => new LeavingServer(server, clock));
    this.#signals = new Signals(signals || [], clock, (signal, before) => this.#onSignal(signal, before));
  }

  get state(): ShutdownState {
    return this.#state;
  }

  shutdown(reason = 'shutdown()'): Promise<ShutdownReport> {
    this.#running ??= this.#run(reason, this.#settings.delayMs);
    return this.#running;
  }

  dispose(): void {
    this.#signals.stop();
    if (this.#running === undefined) this.#detach();
  }

  #onSignal(signal: NodeJS.Signals, before: number): void {
    const { exit, delayMs, logger } = this.#settings;
    if (before > 0) {
      logger.info(`${signal} again: ending at once`);
      if (exit) process.exit(exitCode(signal));
      this.#end?.expire();
      return;
    }
    // Ctrl-C: who sits before it does not want to wait, and no client needs to learn of it.
    const interactive = signal === 'SIGINT' && isatty(0);
    this.#running ??= this.#run(signal, interactive ? 0 : delayMs);
    if (!exit) return;
    const leave = (): unknown => this.#settings.clock.after(EXIT_MS, () => process.exit());
    void this.#running.then(leave);
  }

  async #run(reason: string, delayMs: number): Promise<ShutdownReport> {
    const { clock, closeMs, logger } = this.#settings;
    for (const server of this.#servers) server.attach();
    const delay = this.#servers.some(({ active }) => active) ? delayMs : 0;
    const end = new Deadline(clock, delay + closeMs);
    this.#end = end;
    // A hook that hangs leaves half of the time to the requests in flight.
    const hooksEnd = new Deadline(clock, delay + closeMs / 2, end);

    this.#state = 'draining';
    logger.info(
      delay > 0 ? `${reason}: serving for another ${delay} ms, then closing` : `${reason}: closing`,
    );
    for (const server of this.#servers) server.leave();
    const learned = new Deadline(clock, delay, end);
    await Promise.all([learned.reached, this.#hook('onDraining', reason, hooksEnd)]);
    await this.#hook('beforeClose', reason, hooksEnd);
    hooksEnd.cancel();

    this.#state = 'closing';
    const closed = Promise.all(this.#servers.map((server) => server.close()));
    await Promise.race([closed, end.reached]);
    const cut = this.#servers.reduce((sum, server) => sum + server.cut(), 0);
    if (cut > 0) {
      const text = `${cut} connections were still in use ${delay + closeMs} ms after ${reason}, and were cut`;
      logger.warn(`${text}: raise closeMs for slow answers; end streams and WebSockets in beforeClose`);
    }
    // A socket that was upgraded before we were told of its server is nobody's to cut.
    const ended = new Deadline(clock, CUT_MS);
    await Promise.race([closed, ended.reached]);
    ended.cancel();
    end.cancel();
    this.#detach();
    this.#state = 'closed';

    const flushed = new Deadline(clock, ON_CLOSED_MS);
    await this.#hook('onClosed', reason, flushed);
    flushed.cancel();
    this.#signals.stop();
    return { cut };
  }

  /** Calls a hook and waits for it, but not beyond `until`. */
  async #hook(
    name: 'onDraining' | 'beforeClose' | 'onClosed',
    reason: string,
    until: Deadline,
  ): Promise<void> {
    const { [name]: hook, logger } = this.#settings;
    if (hook === undefined) return;
    const called = (async () => hook(reason))().then(
      () => true,
      (error: unknown) => {
        logger.warn(`gracefulShutdown.${name} failed, the shutdown goes on: ${describeError(error)}`);
        return true;
      },
    );
    if (await Promise.race([called, until.reached])) return;
    logger.warn(`gracefulShutdown.${name} takes too long, the shutdown goes on without it`);
  }

  #detach(): void {
    for (const server of this.#servers) server.detach();
  }
}
