import { type Clock, type Endpoint, type Feed, type Problem, type ServiceRef, sleep } from '@crowfly/core';
import type { ApiClient } from '../api/client.js';
import { type ServiceName, serviceOf } from '../names.js';
import type { Slice } from '../slice.js';
import { followExternalName, type Resolve } from './external-name.js';
import { Inquiry } from './inquiry.js';
import { choosePort, type PortChoice, type ServicePorts } from './ports.js';
import type { ServiceFacts } from './service-lookup.js';
import { sliceEndpoints } from './slice-endpoints.js';
import { Speaker } from './speaker.js';
import { Union } from './union.js';

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
  /** The references that were seen to be ExternalNames, by any view. */
  readonly external: Set<string>;
}

type Usable = Extract<PortChoice, { kind: 'named' | 'number' }>;

/** One watched reference: the slices of its service, as the set of endpoints on the port that is meant. */
export class View {
  readonly service: ServiceName;
  /** Rejects when the view cannot go on; resolves never. */
  readonly failed: Promise<never>;
  /** Ends the view. */
  fail: (error: unknown) => void = () => {};
  readonly #o: ViewOptions;
  readonly #speaker: Speaker;
  readonly #inquiry: Inquiry;
  readonly #union = new Union();
  /** What the union holds, by the slice's name. */
  readonly #held = new Map<string, { readonly slice: Slice; readonly endpoints: readonly Endpoint[] }>();
  #slices: ReadonlyMap<string, Slice> = new Map();
  /** For which port and addresses the union was made. */
  #made = '';
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
    const { feed, clock, client } = options;
    this.#speaker = new Speaker(feed, clock);
    this.#inquiry = new Inquiry({
      client,
      clock,
      service: this.service,
      failed: (error) => this.fail(error),
    });
  }

  /** The service's slices, all of them; those that did not change are the same objects. */
  update(slices: ReadonlyMap<string, Slice>): void {
    this.#slices = slices;
    this.#consider();
  }

  /** A new watch has begun: what is looked up beside it may have changed since. */
  refresh(): void {
    const old = this.#o.clock.now() - this.#portsAt >= PORTS_MS;
    if (this.#ports !== undefined && this.#inquiry.about === undefined && old) this.#lookUpPorts();
  }

  /** Nothing is asked or said any more. */
  end(): void {
    this.#speaker.stop();
    this.#inquiry.end();
  }

  #consider(): void {
    if (this.#slices.size === 0) {
      this.#hold('');
      if (this.#inquiry.about !== 'absence') this.#speaker.later(() => this.#settle());
      return;
    }
    if (this.#inquiry.about === 'absence') this.#inquiry.end();
    const chosen = this.#family();
    const choice = this.#choose(chosen);
    switch (choice.kind) {
      case 'ask':
        this.#speaker.stop();
        this.#lookUpPorts();
        break;
      case 'none':
        this.#hold('');
        this.#noPort = choice.reason;
        this.#speaker.report(this.#problems(choice));
        this.#speaker.later(() => this.#settle());
        break;
      default:
        this.#noPort = undefined;
        this.#fill(chosen, choice);
        this.#speaker.report(this.#problems(choice));
        if (this.#speaker.wouldTakeAway(this.#union.endpoints)) this.#speaker.later(() => this.#settle());
        else this.#speaker.publish(this.#union.endpoints);
    }
  }

  /** Says what is true now. */
  #settle(): void {
    const { name, namespace } = this.service;
    if (this.#slices.size === 0) this.#lookUpAbsence();
    else if (this.#noPort === undefined) this.#speaker.publish(this.#union.endpoints);
    else this.#speaker.unknown(`Service '${name}' in namespace '${namespace}' is there, but ${this.#noPort}`);
  }

  /** The slices of one address family: the preferred one, while it has any instance. */
  #family(): readonly Slice[] {
    const of = (family: Slice['family']): Slice[] =>
      [...this.#slices.values()].filter((slice) => slice.family === family);
    const { ipFamily } = this.#o;
    const preferred = of(ipFamily);
    if (preferred.some(({ instances }) => instances.length > 0)) return preferred;
    const other = of(ipFamily === 'IPv4' ? 'IPv6' : 'IPv4');
    return other.some(({ instances }) => instances.length > 0) ? other : preferred;
  }

  #choose(slices: readonly Slice[]): PortChoice {
    const names = [...new Set(slices.flatMap(({ ports }) => ports.map(({ name }) => name)))].sort().join();
    // Another set of ports may mean that the Service was changed as well.
    if (names !== this.#portsFor && this.#inquiry.about !== 'ports') this.#ports = undefined;
    this.#portsFor = names;
    return choosePort(slices, this.#o.ref.port, this.#ports);
  }

  /** Brings the union up to date with the slices: those that changed, joined and left. */
  #fill(slices: readonly Slice[], choice: Usable): void {
    this.#hold(JSON.stringify([slices[0]?.family, choice]));
    const gone = new Set(this.#held.keys());
    for (const slice of slices) {
      gone.delete(slice.name);
      const before = this.#held.get(slice.name);
      if (before?.slice === slice) continue;
      const known = before?.endpoints ?? [];
      const endpoints = sliceEndpoints(slice, choice, known);
      this.#union.change(known, endpoints);
      this.#held.set(slice.name, { slice, endpoints });
    }
    for (const name of gone) {
      this.#union.change(this.#held.get(name)?.endpoints ?? [], []);
      this.#held.delete(name);
    }
  }

  /** Begins anew when the union was made for something else. */
  #hold(made: string): void {
    if (made === this.#made) return;
    this.#made = made;
    this.#held.clear();
    this.#union.clear();
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
        if (facts.kind === 'there') this.#speaker.publish([]);
        else this.#speaker.unknown(facts.kind === 'none' ? facts.reason : unseen(this.service, facts.reason));
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
      publish: (endpoints) => this.#speaker.publish(endpoints),
      unknown: (reason) => this.#speaker.unknown(reason),
    });
  }
}

function noPorts({ name, instances }: Slice): Problem {
  const detail = `the slice '${name}' lists no ports: its ${instances.length} endpoints are skipped`;
  return { code: 'no-ports', detail, entry: name };
}

function unseen({ name, namespace }: ServiceName, reason: string): string {
  return `there is no EndpointSlice of a Service '${name}' in namespace '${namespace}'; whether the Service exists, or is an ExternalName, is not to be seen: ${reason}`;
}
