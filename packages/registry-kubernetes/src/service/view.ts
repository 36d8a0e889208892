import { type Clock, type Feed, type Problem, type ServiceRef, sleep } from '@crowfly/core';
import type { ApiClient } from '../api/client.js';
import { type ServiceName, serviceOf } from '../names.js';
import type { Slice } from '../slice.js';
import type { RateLimits } from '../watch/rate-limits.js';
import { EndpointSet } from './endpoint-set.js';
import { followExternalName, type Resolve } from './external-name.js';
import { Inquiry } from './inquiry.js';
import { choosePort, type PortChoice, type ServicePorts, type Usable } from './ports.js';
import { Publisher } from './publisher.js';
import type { ServiceFacts } from './service-lookup.js';

/** Ports that were looked up are looked up again when a watch begins and they are this old: a Service is rarely changed. */
const PORTS_MS = 240_000;
/** A service without slices is asked for again: nothing is watched that would show an ExternalName. Jittered by a third. */
const ABSENT_MS = 30_000;

export interface ViewOptions {
  readonly ref: ServiceRef;
  readonly feed: Feed;
  readonly clock: Clock;
  random(): number;
  readonly client: ApiClient;
  readonly ipFamily: 'IPv4' | 'IPv6';
  readonly resolve: Resolve;
  readonly limits: RateLimits;
  /** The references that were seen to be ExternalNames, by any view. */
  readonly external: Set<string>;
}

/** One watched reference: the slices of its service, as the set of endpoints on the port that is meant. */
export class View {
  readonly service: ServiceName;
  /** Rejects when the view cannot go on; resolves never. */
  readonly failed: Promise<never>;
  /** Ends the view. */
  fail: (error: unknown) => void = () => {};
  readonly #o: ViewOptions;
  readonly #publisher: Publisher;
  readonly #inquiry: Inquiry;
  #slices: ReadonlyMap<string, Slice> = new Map();
  #set: EndpointSet | undefined;
  /** Why no port of the slices is the one that is meant; `undefined` when one is. */
  #noPort: string | undefined;
  #ports: ServicePorts | string | undefined;
  #portsAt = 0;
  /** The names of ports that slices had when the Service's were asked for. */
  #portsFor = '';

  constructor(options: ViewOptions) {
    this.#o = options;
    this.service = serviceOf(options.ref);
    this.failed = new Promise((_, reject) => {
      this.fail = reject;
    });
    this.failed.catch(() => {});
    const { ref, feed, clock, random, client, limits, external } = options;
    this.#publisher = new Publisher(feed, clock);
    this.#inquiry = new Inquiry({
      client,
      clock,
      random,
      service: this.service,
      // Names may be made up; what is known to be there does not wait behind them.
      limit: () =>
        this.#slices.size > 0 || this.#publisher.started || external.has(ref.key)
          ? limits.known
          : limits.unknown,
      failed: (error) => this.fail(error),
    });
  }

  /**
   * Makes what the next `update` will need of a large service that is not known yet, in pieces: `turn` lets others work in
   * between. Nothing of it is seen before the update.
   */
  async prepare(
    slices: ReadonlyMap<string, Slice>,
    turn: () => Promise<void>,
  ): Promise<EndpointSet | undefined> {
    if (this.#set !== undefined) return undefined;
    const chosen = ofFamily(slices, this.#o.ipFamily);
    const choice = choosePort(chosen, this.#o.ref.port, this.#ports);
    if (choice.kind === 'ask' || choice.kind === 'none') return undefined;
    return EndpointSet.inPieces(chosen, choice, turn);
  }

  /**
   * The service's slices, all of them; those that did not change are the same objects.
   *
   * @param prepared of these slices
   */
  update(slices: ReadonlyMap<string, Slice>, prepared?: EndpointSet): void {
    this.#slices = slices;
    this.#set ??= prepared;
    this.#consider();
  }

  /** A new watch has begun: what is looked up beside it may have changed since. */
  refresh(): void {
    const old = this.#o.clock.now() - this.#portsAt >= PORTS_MS;
    if (this.#ports !== undefined && this.#inquiry.about === undefined && old) this.#lookUpPorts();
  }

  /** Nothing is asked or said any more. */
  end(): void {
    this.#publisher.stop();
    this.#inquiry.end();
  }

  #consider(): void {
    if (this.#slices.size === 0) {
      this.#set = undefined;
      if (this.#inquiry.about !== 'absence') this.#publisher.later(() => this.#settle());
      return;
    }
    if (this.#inquiry.about === 'absence') this.#inquiry.end();
    const chosen = ofFamily(this.#slices, this.#o.ipFamily);
    const choice = this.#choose(chosen);
    switch (choice.kind) {
      case 'ask':
        this.#publisher.stop();
        this.#lookUpPorts();
        break;
      case 'none':
        this.#set = undefined;
        this.#noPort = choice.reason;
        this.#publisher.report(this.#problems(choice));
        this.#publisher.later(() => this.#settle());
        break;
      default: {
        this.#noPort = undefined;
        const { endpoints } = this.#setOf(chosen, choice);
        this.#publisher.report(this.#problems(choice));
        if (this.#publisher.wouldTakeAway(endpoints)) this.#publisher.later(() => this.#settle());
        else this.#publisher.publish(endpoints);
      }
    }
  }

  /** Says what is true now. */
  #settle(): void {
    const { name, namespace } = this.service;
    if (this.#slices.size === 0) this.#lookUpAbsence();
    else if (this.#noPort === undefined) this.#publisher.publish(this.#set?.endpoints ?? []);
    else
      this.#publisher.unknown(`Service '${name}' in namespace '${namespace}' is there, but ${this.#noPort}`);
  }

  #choose(slices: readonly Slice[]): PortChoice {
    const names = [...new Set(slices.flatMap(({ ports }) => ports.map(({ name }) => name)))].sort().join();
    // Another set of ports may mean that the Service was changed as well.
    if (names !== this.#portsFor && this.#inquiry.about !== 'ports') this.#ports = undefined;
    this.#portsFor = names;
    return choosePort(slices, this.#o.ref.port, this.#ports);
  }

  #setOf(slices: readonly Slice[], choice: Usable): EndpointSet {
    // Begun anew when it was made for something else.
    if (this.#set?.key !== EndpointSet.key(slices[0]?.family, choice))
      this.#set = new EndpointSet(slices[0]?.family, choice);
    this.#set.take(slices);
    return this.#set;
  }

  #problems(choice: PortChoice): readonly Problem[] {
    return [...this.#slices.values()].flatMap((slice) =>
      slice.portless && slice.instances.length > 0 && choice.kind === 'named'
        ? [...slice.problems, noPorts(slice)]
        : slice.problems,
    );
  }

  #lookUpPorts(): void {
    if (this.#inquiry.about === 'ports') return;
    this.#inquiry.ask('ports', (facts) => {
      this.#ports = 'ports' in facts ? facts.ports : facts.reason;
      this.#portsAt = this.#o.clock.now();
      this.#inquiry.end();
      this.#consider();
    });
  }

  /** There is no slice: because there is no such service, because it is another host's name, or because it is new. */
  #lookUpAbsence(): void {
    this.#inquiry.ask('absence', async (facts, signal) => {
      const { clock, random, external, ref } = this.#o;
      const againMs = ABSENT_MS * (1 - random() / 3);
      // It was seen before the right was taken away: what DNS said last is better than nothing.
      if (facts.kind === 'forbidden' && external.has(ref.key)) throw facts.error;
      if (facts.kind === 'external') {
        external.add(ref.key);
        await this.#followExternal(facts, againMs, signal);
      } else {
        external.delete(ref.key);
        if (facts.kind === 'there') this.#publisher.publish([]);
        else
          this.#publisher.unknown(facts.kind === 'none' ? facts.reason : unseen(this.service, facts.reason));
        await sleep(clock, againMs, signal);
      }
      this.#lookUpAbsence();
    });
  }

  #followExternal(
    facts: Extract<ServiceFacts, { kind: 'external' }>,
    forMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, resolve, ref } = this.#o;
    return followExternalName({
      facts,
      service: this.service,
      port: ref.port,
      clock,
      resolve,
      signal,
      forMs,
      publish: (endpoints) => this.#publisher.publish(endpoints),
      report: (problems) => this.#publisher.report(problems),
      unknown: (reason) => this.#publisher.unknown(reason),
    });
  }
}

/** The slices of one address family: the preferred one, while it has any instance. */
function ofFamily(slices: ReadonlyMap<string, Slice>, preferred: Slice['family']): readonly Slice[] {
  const of = (family: Slice['family']): Slice[] =>
    [...slices.values()].filter((slice) => slice.family === family);
  const first = of(preferred);
  if (first.some(({ instances }) => instances.length > 0)) return first;
  const other = of(preferred === 'IPv4' ? 'IPv6' : 'IPv4');
  return other.some(({ instances }) => instances.length > 0) ? other : first;
}

function noPorts({ name, instances }: Slice): Problem {
  const detail = `the slice '${name}' lists no ports: its ${instances.length} endpoints are skipped`;
  return { code: 'no-ports', detail, entry: name };
}

function unseen({ name, namespace }: ServiceName, reason: string): string {
  return `there is no EndpointSlice of a Service '${name}' in namespace '${namespace}'; whether the Service exists, or is an ExternalName, is not to be seen: ${reason}`;
}
