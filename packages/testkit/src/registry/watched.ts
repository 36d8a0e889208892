import type { Capabilities, Endpoint, Feed, Problem, Registry, ServiceRef } from '@crowfly/core';
import { errorText, judgeError } from './errors.js';
import { type Fact, faultOfSet, fingerprintOf, repeats } from './facts.js';
import { difference } from './instances.js';
import { Breach, type Rule } from './rules.js';
import { until } from './wait.js';

export interface WatchedOptions {
  readonly registry: Registry;
  readonly ref: ServiceRef;
  readonly timeoutMs: number;
  readonly abortMs: number;
  readonly secrets: readonly string[];
}

/** One running `watch`, with everything that it said written down and held to the contract. */
export class Watched {
  readonly facts: Fact[] = [];
  readonly problems: Problem[] = [];
  /** How the watch settled; `undefined` while it runs. */
  outcome: { readonly error: unknown } | 'returned' | undefined;
  readonly #options: WatchedOptions;
  readonly #supports: Capabilities;
  readonly #ending = new AbortController();
  readonly #breaches: Breach[] = [];

  constructor(options: WatchedOptions, aborted = false) {
    this.#options = options;
    this.#supports = options.registry.supports;
    if (aborted) this.#ending.abort();
    void this.#run();
  }

  async #run(): Promise<void> {
    const { registry, ref } = this.#options;
    try {
      await registry.watch(ref, this.#feed());
      this.outcome = 'returned';
    } catch (error) {
      this.outcome = { error };
      this.#checkSecrets(errorText(error), 'an error');
    } finally {
      // As under the core: what a settled watch left behind hears of the end too.
      this.#ending.abort();
    }
  }

  #feed(): Feed {
    return {
      signal: this.#ending.signal,
      publish: (endpoints) => {
        if (this.#late('publish')) return;
        const fault = faultOfSet(endpoints);
        if (fault !== undefined) this.#breaches.push(fault);
        if (!Array.isArray(endpoints)) return;
        this.#add({ kind: 'set', endpoints, print: fingerprintOf(endpoints) });
      },
      unknown: (reason) => {
        if (this.#late('unknown')) return;
        if (typeof reason !== 'string' || reason === '') {
          this.#breaches.push(
            new Breach(2, 'unknown() was called without a reason', 'Say where the service was looked for'),
          );
        }
        this.#checkSecrets(String(reason), 'the reason of unknown()');
        this.#add({ kind: 'unknown', reason: String(reason) });
      },
      report: (problem) => {
        if (this.#late('report')) return;
        this.#checkSecrets(Object.values(problem ?? {}).join('\n'), 'a report');
        this.problems.push(problem);
      },
    };
  }

  #add(fact: Fact): void {
    const before = this.facts.at(-1);
    this.facts.push(fact);
    const repeated = before === undefined ? undefined : repeats(before, fact);
    if (repeated !== undefined) this.#breaches.push(repeated);
  }

  #late(what: string): boolean {
    if (!this.#ending.signal.aborted) return false;
    this.#breaches.push(
      new Breach(
        7,
        `${what}() was called after the signal had aborted`,
        'End every loop, timer and listener when feed.signal aborts',
      ),
    );
    return true;
  }

  #checkSecrets(text: string, where: string): void {
    if (this.#options.secrets.some((secret) => secret !== '' && text.includes(secret))) {
      this.#breaches.push(
        new Breach('id', `${where} contains a secret`, 'Leave credentials out of everything that is shown'),
      );
    }
  }

  get running(): boolean {
    return this.outcome === undefined;
  }

  /** The sets said since the `from`-th fact. */
  sets(from = 0): (readonly Endpoint[])[] {
    return this.facts.slice(from).flatMap((fact) => (fact.kind === 'set' ? [fact.endpoints] : []));
  }

  /** Throws what was wrong so far. */
  check(): void {
    for (const fact of this.facts) {
      if (fact.kind === 'set' && fingerprintOf(fact.endpoints) !== fact.print) {
        throw new Breach(
          1,
          'a set was changed after it had been published',
          'Build new endpoints and a new list for each publish()',
        );
      }
    }
    const first = this.#breaches[0];
    if (first !== undefined) throw first;
  }

  /**
   * Waits until `holds`.
   *
   * @param wanted for messages: `the set of 3 instances`
   * @throws Breach of `rule` when it does not in time, or the watch settles first
   */
  async until(
    rule: Rule,
    wanted: string,
    holds: () => boolean,
    fix: string,
    seen?: () => string,
  ): Promise<void> {
    const { timeoutMs } = this.#options;
    await until(() => holds() || !this.running, timeoutMs);
    this.check();
    if (holds()) return;
    if (this.running) {
      throw new Breach(
        rule,
        `${wanted} did not come within ${timeoutMs} ms; ${seen?.() ?? this.#last()}`,
        fix,
      );
    }
    if (this.outcome === 'returned' || this.outcome === undefined) {
      throw new Breach(
        rule,
        `the watch returned while ${wanted} was awaited`,
        'A watch runs until its signal aborts',
      );
    }
    const error = judgeError(rule, this.outcome.error, `while ${wanted} was awaited`);
    throw new Breach(
      rule,
      `the watch rejected with "${error.message}" while ${wanted} was awaited`,
      'A watch runs until its signal aborts, and throws only when the backend fails',
      error,
    );
  }

  #last(): string {
    const last = this.facts.at(-1);
    if (last === undefined) return 'the adapter said nothing';
    return last.kind === 'unknown'
      ? `the last word was unknown (${last.reason})`
      : `the last set had ${last.endpoints.length} instances`;
  }

  /** Waits until the latest fact is the set of `wanted`. @returns it */
  async set(
    rule: Rule,
    wanted: readonly Endpoint[],
    fix = 'Publish the whole set whenever it changed',
  ): Promise<readonly Endpoint[]> {
    const off = (): string | undefined => {
      const last = this.facts.at(-1);
      return last?.kind === 'set' ? difference(last.endpoints, wanted, this.#supports) : this.#last();
    };
    await this.until(
      rule,
      describeSet(wanted),
      () => off() === undefined,
      fix,
      () => `the last word was: ${off()}`,
    );
    return this.sets().at(-1) ?? [];
  }

  /** Waits until the latest fact is `unknown`, or an empty set where the adapter cannot tell them apart. */
  async gone(rule: Rule): Promise<void> {
    if (!this.#supports.unknown) {
      await this.set(rule, [], 'supports.unknown is false: publish([]) for a service that is not there');
      return;
    }
    const isUnknown = (): boolean => this.facts.at(-1)?.kind === 'unknown';
    await this.until(
      rule,
      'unknown()',
      isUnknown,
      'supports.unknown is true: call feed.unknown(reason) for a service that does not exist, and publish nothing',
    );
  }

  /** Waits until the watch rejects. @returns the error, judged */
  async failure(rule: Rule, during: string): Promise<Error> {
    const settled = await until(() => !this.running, this.#options.timeoutMs);
    this.check();
    if (!settled) {
      throw new Breach(
        rule,
        `${during}, the watch did not reject within ${this.#options.timeoutMs} ms; ${this.#last()}`,
        'Let the error out of watch(): the core keeps the last good set, waits, and starts it again',
      );
    }
    if (this.outcome === 'returned' || this.outcome === undefined) {
      throw new Breach(
        rule,
        `${during}, the watch returned as if nothing had happened`,
        'Throw an Error that says what failed',
      );
    }
    return judgeError(rule, this.outcome.error, during);
  }

  abort(): void {
    this.#ending.abort();
  }

  /** Aborts, and waits until the watch settled. @returns whether it did in time */
  async end(): Promise<boolean> {
    this.abort();
    return until(() => !this.running, this.#options.abortMs);
  }
}

export function describeSet(endpoints: readonly Endpoint[]): string {
  return endpoints.length === 0
    ? 'an empty set'
    : `the set of ${endpoints.length} instance${endpoints.length === 1 ? '' : 's'}`;
}
