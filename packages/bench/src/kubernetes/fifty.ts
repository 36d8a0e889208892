import { setTimeout as pause } from 'node:timers/promises';
import { type Kubernetes, TcpProxy } from '@crowfly/servers';
import { progress, type Result, result } from '../lib/report.js';
import { Child } from './child.js';
import { addressOf, createSlice, pod } from './setting.js';

const SERVICES = 50;
/** A real minute of rest: nothing is compressed. */
const REST_MS = 60_000;
const CUTS = 40;
const CUT_EVERY_MS = 1_000;
/** One list and one watch for each connection lost, at most; while they are lost again and again, core waits longer. */
const CUT_GOAL = 120;

const WHO = ['fifty', 'fifty-official'] as const;

interface Counts {
  readonly ready: number;
  readonly list: number;
  readonly watch: number;
  readonly get: number;
}

interface One {
  readonly child: Child;
  readonly proxy: TcpProxy;
  readonly begun: Counts;
  readonly connections: number;
}

/** Fifty services in use in one process, which reaches the API server through a proxy: what that costs the API server. */
export class Fifty {
  readonly #ones: readonly One[];
  readonly #startedAt: number;

  private constructor(ones: readonly One[]) {
    this.#ones = ones;
    this.#startedAt = performance.now();
  }

  /** From here on they rest. */
  static async start(cluster: Kubernetes): Promise<Fifty> {
    progress(`${SERVICES} services in use ...`);
    const namespace = 'fifty';
    const { env } = await pod(cluster, namespace);
    for (let n = 0; n < SERVICES; n++) {
      const service = `service-${n}`;
      await cluster.service(namespace, service, { ports: [{ name: 'http', port: 80, targetPort: 8080 }] });
      const addresses = [addressOf(n * 2), addressOf(n * 2 + 1)];
      await createSlice(cluster, { namespace, service, name: `${service}-1`, addresses, zone: 'zone-a' });
    }
    const { port } = new URL(cluster.origin);
    const start = async (program: string): Promise<One> => {
      const proxy = await TcpProxy.to({ port: Number(port) });
      const through = { ...env, KUBERNETES_SERVICE_PORT: String(proxy.port) };
      const child = new Child(program, { args: [String(SERVICES)], env: through });
      await child.until<Counts>(({ ready }) => ready === SERVICES);
      await pause(500);
      return { child, proxy, begun: await child.ask<Counts>({}), connections: proxy.connections };
    };
    const ones: One[] = [];
    for (const program of WHO) ones.push(await start(program));
    return new Fifty(ones);
  }

  async finish(): Promise<Result[]> {
    progress(`${SERVICES} services at rest, until the minute is over ...`);
    const elapsed = performance.now() - this.#startedAt;
    if (elapsed < REST_MS) await pause(REST_MS - elapsed);
    const minutes = (performance.now() - this.#startedAt) / 60_000;
    const rested = await this.#counts();
    const opened = this.#ones.map(({ proxy }) => proxy.opened);
    for (let cut = 0; cut < CUTS; cut++) {
      progress(`${SERVICES} services, connections cut each second: ${cut + 1} of ${CUTS} ...`);
      for (const { proxy } of this.#ones) proxy.reset();
      await pause(CUT_EVERY_MS);
    }
    const cutMinutes = (CUTS * CUT_EVERY_MS) / 60_000;
    const cut = await this.#counts();
    const connects = this.#ones.map(({ proxy }, who) => (proxy.opened - (opened[who] ?? 0)) / cutMinutes);
    for (const { child, proxy } of this.#ones) {
      await child.close();
      await proxy.close();
    }
    const row = (what: string, figures: readonly number[], unit: string, goal?: number): Result =>
      result(`50 services in use: ${what}`, figures[0] ?? Number.NaN, unit, {
        goal: goal === undefined ? undefined : ['<=', goal],
        peers: { 'official informers': Math.round(figures[1] ?? Number.NaN) },
      });
    const begun = this.#ones.map((one) => one.begun);
    const each = (pick: (counts: Counts) => number, list: readonly Counts[]): number[] => list.map(pick);
    const perMinute = (until: readonly Counts[], from: readonly Counts[], over: number): number[] =>
      until.map((counts, who) => (total(counts) - total(from[who] ?? counts)) / over);
    return [
      row(
        'connections',
        this.#ones.map(({ connections }) => connections),
        '',
        1,
      ),
      row(
        'watches',
        each(({ watch }) => watch, begun),
        '',
        1,
      ),
      row(
        'lists to begin with',
        each(({ list }) => list, begun),
        '',
        2,
      ),
      row(
        'single objects asked for',
        each(({ get }) => get, begun),
        '',
        0,
      ),
      row('requests per minute at rest', perMinute(rested, begun, minutes), '/min', 1),
      row(
        'requests per minute, each connection cut each second',
        perMinute(cut, rested, cutMinutes),
        '/min',
        CUT_GOAL,
      ),
      row('connects per minute, each connection cut each second', connects, '/min'),
    ];
  }

  #counts(): Promise<Counts[]> {
    return Promise.all(this.#ones.map(({ child }) => child.ask<Counts>({})));
  }
}

const total = ({ list, watch, get }: Counts): number => list + watch + get;
