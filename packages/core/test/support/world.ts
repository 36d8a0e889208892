import {
  type CallRequest,
  createEngine,
  type Endpoint,
  type Engine,
  type EngineOptions,
  type EventName,
  type Events,
  type Reach,
} from '@crowfly/core';
import { seededRandom, settle, VirtualClock } from '@crowfly/core/testing';
import { type Recorded, recorded } from './round-robin.js';
import { ScriptedRegistry, type ScriptedRegistryOptions } from './scripted-registry.js';
import type { FakeTransport } from './transport.js';

export interface Seen<N extends EventName = EventName> {
  readonly name: N;
  readonly event: Events[N];
}

const EVENTS: readonly EventName[] = [
  'snapshot',
  'problem',
  'stale',
  'failed',
  'recovered',
  'unknown',
  'guard',
  'ejected',
  'restored',
  'left',
  'retry',
  'mispick',
];

export interface WorldOptions extends Omit<EngineOptions, 'registry' | 'clock'> {
  readonly clock?: VirtualClock;
  readonly registry?: ScriptedRegistryOptions | false;
  readonly seed?: number;
}

/** An engine with everything around it faked: time, randomness, registry, connects, log. */
export class World {
  readonly clock: VirtualClock;
  readonly registry: ScriptedRegistry;
  readonly engine: Engine;
  readonly recorded: Recorded = recorded();
  readonly seen: Seen[] = [];
  readonly logged: string[] = [];
  /** What a TCP probe finds, by instance id; absent: it connects. */
  readonly probes: { readonly id: string; readonly at: number }[] = [];
  probe: (endpoint: Endpoint) => Promise<Reach> = async () => 'accepts';

  constructor({ registry = {}, seed = 1, clock = new VirtualClock(), ...options }: WorldOptions = {}) {
    this.clock = clock;
    this.registry = new ScriptedRegistry(registry === false ? {} : registry, this.clock);
    const log = (level: string) => (message: string) => void this.logged.push(`${level}: ${message}`);
    this.engine = createEngine(this.recorded.strategy, {
      ...(registry === false ? {} : { registry: this.registry.factory }),
      clock,
      random: seededRandom(seed),
      env: false,
      logger: { info: log('info'), warn: log('warn') },
      probe: (endpoint) => {
        this.probes.push({ id: endpoint.id, at: this.clock.now() });
        return this.probe(endpoint);
      },
      ...options,
    });
    for (const name of EVENTS) this.engine.on(name, (event) => this.seen.push({ name, event }));
    open.add(this);
  }

  events<N extends EventName>(name: N): Events[N][] {
    return this.seen.filter((one) => one.name === name).map(({ event }) => event as Events[N]);
  }

  /** Follows a service and publishes its first set. */
  async serve(endpoints: unknown, name = 'orders'): Promise<void> {
    this.engine.watch(name, () => {});
    await settle();
    this.registry.last(name).publish(endpoints);
    await settle();
  }

  /** One call, not waited for. */
  call(transport: FakeTransport, request: Partial<CallRequest> = {}, url = 'http://orders/'): Call {
    const route = this.engine.route(new URL(url));
    if (route === undefined) throw new Error(`${url} is no service`);
    return new Call(this.engine.call(route, { idempotent: true, replayable: true, ...request }, transport));
  }

  /** One call that settles without time passing. */
  async called(transport: FakeTransport, request: Partial<CallRequest> = {}, url?: string): Promise<Call> {
    const call = this.call(transport, request, url);
    await settle();
    return call;
  }

  /** Ids of those that may be picked now. */
  get eligible(): string[] {
    return (this.recorded.balancers[0]?.pool.eligible ?? []).map(({ endpoint }) => endpoint.id).sort();
  }

  get pool(): Recorded['balancers'][number]['pool'] {
    const [balancer] = this.recorded.balancers;
    if (balancer === undefined) throw new Error('no service was followed yet');
    return balancer.pool;
  }

  async close(): Promise<void> {
    open.delete(this);
    const closed = this.engine.close();
    await this.clock.advance(60_000);
    await closed;
  }
}

/** A call whose end a test looks at without waiting for it. */
export class Call {
  value: string | undefined;
  error: unknown;
  state: 'running' | 'answered' | 'failed' = 'running';
  readonly promise: Promise<string>;

  constructor(promise: Promise<string>) {
    this.promise = promise;
    promise.then(
      (value) => {
        this.value = value;
        this.state = 'answered';
      },
      (error) => {
        this.error = error;
        this.state = 'failed';
      },
    );
  }
}

const open = new Set<World>();

/** For `afterEach`: closes what a test left open. */
export async function closeWorlds(): Promise<void> {
  await Promise.all([...open].map((world) => world.close()));
}
