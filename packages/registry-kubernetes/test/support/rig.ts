import type { Endpoint, Problem, Registry, Target } from '@crowfly/core';
import { VirtualClock } from '@crowfly/core/testing';
import { type KubernetesOptions, kubernetes } from '@crowfly/registry-kubernetes';
import { expect } from 'chai';
import { ApiServer, fixturePath } from './api-server.ts';

/** Waits for a condition, looking often. @throws what `describe` says when it does not hold in time */
export async function until(
  holds: () => boolean,
  describe: () => string,
  between: () => Promise<unknown> = async () => {},
): Promise<void> {
  const end = performance.now() + 5_000;
  while (!holds()) {
    if (performance.now() > end) expect.fail(describe());
    await between();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** A fake API server, a registry of it on a clock that stands still, and watches. */
export class Rig {
  readonly server: ApiServer;
  readonly clock = new VirtualClock();
  readonly registry: Registry;
  /** What the registry takes for chance. */
  random = (): number => 0;
  readonly #watches: Watched[] = [];

  private constructor(server: ApiServer, options: KubernetesOptions) {
    this.server = server;
    const factory = kubernetes({
      server: server.origin,
      ...(server.origin.startsWith('https')
        ? { caFile: fixturePath('ca.pem'), tokenFile: fixturePath('token') }
        : {}),
      namespace: 'shop',
      ...options,
    });
    this.registry = factory({ clock: this.clock, random: () => this.random(), self: {} });
  }

  static async start(options: KubernetesOptions = {}, server: { tls?: boolean } = {}): Promise<Rig> {
    return new Rig(await ApiServer.start(server), options);
  }

  watch(target: Target): Watched {
    const watched = new Watched(this, target);
    this.#watches.push(watched);
    return watched;
  }

  /** Waits in real time; on the clock, only what is due already happens. */
  async until(holds: () => boolean, describe: string | (() => string)): Promise<void> {
    const text = (): string => (typeof describe === 'string' ? describe : describe());
    await until(holds, text, () => this.clock.advance(0));
  }

  /** Time passes on the clock, with a breath of real time for what goes over the network. */
  async pass(ms: number, stepMs = 1_000): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      await this.clock.advance(Math.min(stepMs, left));
      await breath();
    }
  }

  /** Ends everything, and then nothing may be left. */
  async close(): Promise<void> {
    for (const watched of this.#watches) await watched.end();
    await this.registry.close?.();
    await until(
      () => this.server.front.open === 0,
      () => `${this.server.front.open} connections are left after close()`,
    );
    await this.server.close();
    expect(this.clock.pending, 'timers after close()').to.equal(0);
  }
}

/** A little real time: what is on its way through the loopback arrives. */
export async function breath(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** One watch, with everything it said. */
export class Watched {
  readonly sets: (readonly Endpoint[])[] = [];
  readonly problems: Problem[] = [];
  /** Sets as addresses and ports, and reasons, in the order they came. */
  readonly said: string[] = [];
  error: unknown;
  settled = false;
  readonly #rig: Rig;
  readonly #ending = new AbortController();
  readonly #done: Promise<void>;

  constructor(rig: Rig, target: Target) {
    this.#rig = rig;
    const ref = rig.registry.locate(target);
    if (ref === undefined) throw new Error(`not ours: ${JSON.stringify(target)}`);
    const watch = rig.registry.watch(ref, {
      signal: this.#ending.signal,
      publish: (endpoints) => {
        this.sets.push(endpoints);
        const draining = (state: Endpoint['state']): string => (state === 'draining' ? '!' : '');
        this.said.push(
          endpoints.map(({ host, port, state }) => `${host}:${port}${draining(state)}`).join(' '),
        );
      },
      unknown: (reason) => this.said.push(`unknown: ${reason}`),
      report: (problem) => this.problems.push(problem),
    });
    this.#done = watch
      .catch((error: unknown) => {
        this.error = error;
      })
      .then(() => {
        this.settled = true;
      });
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** Waits until the last word is this, or begins so: addresses with spaces between, or `unknown: ...`. */
  async says(text: string | RegExp): Promise<void> {
    const holds = (): boolean => {
      const last = this.said.at(-1);
      return last !== undefined && (typeof text === 'string' ? last === text : text.test(last));
    };
    await this.#rig.until(
      () => holds() || this.settled,
      () => `expected '${text}', but it said ${JSON.stringify(this.said.slice(-5))}`,
    );
    if (!holds()) expect.fail(`expected '${text}', but it ended with ${String(this.error)}`);
  }

  /** Waits until the watch failed. */
  async fails(): Promise<Error & { code?: string }> {
    await this.#rig.until(
      () => this.settled,
      () => `expected a failure, but it said ${JSON.stringify(this.said.slice(-5))}`,
    );
    expect(this.error).to.be.an.instanceOf(Error);
    return this.error as Error;
  }

  async end(): Promise<void> {
    this.#ending.abort();
    await this.#done;
  }
}
