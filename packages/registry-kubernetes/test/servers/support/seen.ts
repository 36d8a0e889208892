import type { Endpoint, Snapshot } from '@crowfly/core';
import { until } from '@crowfly/servers';
import type { Discovery } from 'crowfly';

/** Everything that a discovery says of one service, in order. */
export class Seen {
  readonly snapshots: Snapshot[] = [];
  /** Ends the subscription. */
  readonly stop: () => void;
  readonly #name: string;

  constructor(discovery: Discovery, name: string) {
    this.#name = name;
    this.stop = discovery.watch(name, (snapshot) => this.snapshots.push(snapshot));
  }

  get last(): Snapshot {
    return this.snapshots.at(-1) ?? { status: 'pending' };
  }

  /** Of the last set. */
  get endpoints(): readonly Endpoint[] {
    return endpointsOf(this.last);
  }

  /** `host:port` of the last set, sorted; one that drains with a mark. */
  get addresses(): readonly string[] {
    return addressesOf(this.last);
  }

  async until<S extends Snapshot>(what: string, holds: (last: Snapshot) => boolean): Promise<S> {
    await until(`${this.#name}: ${what}`, () => holds(this.last), {
      everyMs: 2,
      hint: () => `\nits last word: ${say(this.last)}`,
    });
    return this.last as S;
  }

  /** Waits until the last word is a fresh set with exactly these addresses, in any order. */
  async ready(...addresses: readonly string[]): Promise<readonly Endpoint[]> {
    const wanted = [...addresses].sort().join();
    await this.until(
      `ready with ${addresses.length < 10 ? `[${wanted}]` : `${addresses.length} addresses`}`,
      (last) => last.status === 'ready' && addressesOf(last).join() === wanted,
    );
    return this.endpoints;
  }

  /** Waits until the last word is a fresh set of this size. */
  async size(count: number): Promise<readonly Endpoint[]> {
    await this.until(
      `ready with ${count} endpoints`,
      (last) => last.status === 'ready' && last.endpoints.length === count,
    );
    return this.endpoints;
  }

  /** Waits until the last word is `status`. */
  async status<K extends Snapshot['status']>(status: K): Promise<Extract<Snapshot, { status: K }>> {
    return this.until(status, (last) => last.status === status);
  }
}

export function endpointsOf(snapshot: Snapshot): readonly Endpoint[] {
  return 'endpoints' in snapshot ? snapshot.endpoints : [];
}

export function addressesOf(snapshot: Snapshot): readonly string[] {
  return endpointsOf(snapshot)
    .map(({ host, port, state }) => `${host}:${port}${state === 'draining' ? ' draining' : ''}`)
    .sort();
}

function say(snapshot: Snapshot): string {
  const cause = 'cause' in snapshot ? ` (${String((snapshot.cause as Error)?.message)})` : '';
  const reason = snapshot.status === 'unknown' ? ` (${snapshot.reason})` : '';
  const all = addressesOf(snapshot);
  return `${snapshot.status}${cause}${reason}, ${all.length} endpoints: ${all.slice(0, 10).join(', ')}`;
}
