import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Endpoint, Problem, Snapshot } from '@crowfly/core';
import { until } from '@crowfly/servers';
import { createDiscovery, type Discovery, type DiscoveryOptions } from 'crowfly';
import { type ConsulOptions, consul } from '../../../dist/index.js';

/** What registries of this process send to one origin, as the http client tells it to Node. */
export class Traffic {
  readonly paths: string[] = [];
  connections = 0;
  readonly #origin: string;
  readonly #onRequest = (message: unknown): void => {
    const { origin, path } = message as { origin: string; path: string };
    if (origin === this.#origin) this.paths.push(path);
  };
  readonly #onConnect = (message: unknown): void => {
    if ((message as { origin: string }).origin === this.#origin) this.connections++;
  };

  constructor(origin: string) {
    this.#origin = origin;
    subscribe('crowfly:registry-request', this.#onRequest);
    subscribe('crowfly:registry-connect', this.#onConnect);
  }

  of(service: string): readonly string[] {
    return this.paths.filter((path) => path.startsWith(`/v1/health/service/${service}?`));
  }

  stop(): void {
    unsubscribe('crowfly:registry-request', this.#onRequest);
    unsubscribe('crowfly:registry-connect', this.#onConnect);
  }
}

/** A discovery that follows services, with everything that it says. */
export class Watcher {
  readonly discovery: Discovery;
  readonly problems: Problem[] = [];
  /** Every set of the first service, as `name:state`, in order. */
  readonly sets: string[] = [];
  #snapshot: Snapshot = { status: 'pending' };

  constructor(service: string, options: ConsulOptions, more: DiscoveryOptions = {}) {
    this.discovery = createDiscovery({
      registry: consul(options),
      env: false,
      logger: false,
      // What the registry says, and nothing held beyond it.
      defaults: { guard: { maxLossShare: 1 } },
      ...more,
    });
    this.discovery.on('problem', (problem) => this.problems.push(problem));
    this.discovery.watch(service, (snapshot) => {
      this.#snapshot = snapshot;
      if (snapshot.status === 'ready') this.sets.push(this.names.join());
    });
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  get status(): Snapshot['status'] {
    return this.#snapshot.status;
  }

  get cause(): string {
    return 'cause' in this.#snapshot ? String(this.#snapshot.cause) : '';
  }

  get endpoints(): readonly Endpoint[] {
    return 'endpoints' in this.#snapshot ? this.#snapshot.endpoints : [];
  }

  /** `a-1`, and `a-1:draining`. */
  get names(): readonly string[] {
    return this.endpoints
      .map(({ name, state }) => (state === 'draining' ? `${name}:draining` : `${name}`))
      .sort();
  }

  /** Until exactly these are there, fresh. */
  async has(...names: readonly string[]): Promise<void> {
    await until(
      `the set to be [${names.join()}]`,
      () => this.status === 'ready' && this.names.join() === [...names].sort().join(),
      { withinMs: 20_000, hint: () => `it is ${this.status} [${this.names.join()}] ${this.cause}` },
    );
  }

  async is(status: Snapshot['status'], withinMs = 20_000): Promise<void> {
    await until(`it to be ${status}`, () => this.status === status, {
      withinMs,
      hint: () => `it is ${this.status} ${this.cause}`,
    });
  }

  close(): Promise<void> {
    return this.discovery.close();
  }
}
