import type { Clock, Endpoint, Problem, Registry, RegistryContext } from '@crowfly/core';
import { expect } from 'chai';

const clock: Clock = {
  now: () => performance.now(),
  after(delayMs, fire) {
    const handle = setTimeout(fire, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};

export const context: RegistryContext = { clock, random: Math.random, self: {} };

/** Waits for a condition, looking often. @throws what `describe` says when it does not hold in time */
export async function until(holds: () => boolean, describe: () => string, timeoutMs = 5000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > end) expect.fail(describe());
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** One watch, with everything it said. */
export class Watched {
  readonly sets: (readonly Endpoint[])[] = [];
  readonly unknowns: string[] = [];
  readonly problems: Problem[] = [];
  /** Sets as ids, and reasons, in the order they came. */
  readonly said: string[] = [];
  error: unknown;
  settled = false;
  readonly #ending = new AbortController();
  readonly #done: Promise<void>;

  constructor(registry: Registry, key: string, port?: number | string) {
    const service = port === undefined ? { key } : { key, port };
    const watch = registry.watch(service, {
      signal: this.#ending.signal,
      publish: (endpoints) => {
        this.sets.push(endpoints);
        this.said.push(endpoints.map(({ id }) => id).join(' '));
      },
      unknown: (reason) => {
        this.unknowns.push(reason);
        this.said.push('unknown');
      },
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

  /** Waits until the last word is this: ids with spaces between, or `unknown`. */
  async says(ids: string): Promise<void> {
    await until(
      () => this.said.at(-1) === ids,
      () =>
        `expected '${ids}', but it said ${JSON.stringify(this.said.slice(-5))}, and failed with ${String(this.error)}`,
    );
  }

  /** Waits until the watch failed. @returns the message */
  async fails(): Promise<Error & { code?: string }> {
    await until(
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
