import type { Clock, Timer } from '@crowfly/core';

interface Entry extends Timer {
  readonly at: number;
  readonly order: number;
  fire: (() => void) | undefined;
}

/** A virtual clock for tens of thousands of timers: `VirtualClock` looks through all of them at each step. */
export class HeapClock implements Clock {
  #now = 1_000_000;
  #order = 0;
  readonly #heap: Entry[] = [];

  now(): number {
    return this.#now;
  }

  after(delayMs: number, fire: () => void): Timer {
    const entry: Entry = {
      at: this.#now + Math.max(0, delayMs),
      order: this.#order++,
      fire,
      cancel() {
        entry.fire = undefined;
      },
    };
    this.#heap.push(entry);
    this.#up(this.#heap.length - 1);
    return entry;
  }

  /** Moves on by `ms`. The promises that timers settle run at least once in each millisecond. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    let settled = this.#now;
    await settle();
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      if (next.at > settled + 1) {
        await settle();
        // Promises may have started timers that are due earlier.
        settled = next.at;
        continue;
      }
      this.#pop();
      if (next.fire === undefined) continue;
      this.#now = next.at;
      next.fire();
    }
    await settle();
    this.#now = end;
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#down(0);
  }

  #up(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #down(from: number): void {
    for (let at = from; ; ) {
      let first = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < this.#heap.length && this.#before(child, first)) first = child;
      if (first === at) return;
      this.#swap(at, first);
      at = first;
    }
  }

  #before(a: number, b: number): boolean {
    const [one, two] = [this.#heap[a] as Entry, this.#heap[b] as Entry];
    return one.at < two.at || (one.at === two.at && one.order < two.order);
  }

  #swap(a: number, b: number): void {
    const entry = this.#heap[a] as Entry;
    this.#heap[a] = this.#heap[b] as Entry;
    this.#heap[b] = entry;
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
