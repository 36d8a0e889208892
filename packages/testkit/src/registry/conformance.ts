import { type Capabilities, check, checkOptions } from '@crowfly/core';
import { after, before, describe, it } from 'mocha';
import { type Check, leftOut } from './check.js';
import { abortChecks } from './checks/abort.js';
import { credentialChecks } from './checks/credentials.js';
import { equalityChecks } from './checks/equality.js';
import { factChecks } from './checks/facts.js';
import { finalStateChecks } from './checks/final-state.js';
import { hostileChecks } from './checks/hostile.js';
import { isolationChecks } from './checks/isolation.js';
import { malformedChecks } from './checks/malformed.js';
import { nameChecks } from './checks/names.js';
import { rateChecks } from './checks/rate.js';
import { resyncChecks } from './checks/resync.js';
import { setChecks } from './checks/sets.js';
import { silenceChecks } from './checks/silence.js';
import { checkHarness } from './harness.js';
import { ruleTitle } from './rules.js';
import { type Limits, Stage } from './stage.js';
import { Summary } from './summary.js';
import { Traffic } from './traffic.js';
import type { RegistryConformanceOptions, RegistryHarness } from './types.js';

/** Defaults of {@link RegistryConformanceOptions}. */
export const CONFORMANCE_DEFAULTS = {
  timeoutMs: 5000,
  quietMs: 250,
  abortMs: 1000,
  maxRequestsPerSecond: 10,
} as const;

const CHECKS: readonly Check[] = [
  ...setChecks,
  ...factChecks,
  ...equalityChecks,
  ...finalStateChecks,
  ...resyncChecks,
  ...malformedChecks,
  ...abortChecks,
  ...silenceChecks,
  ...credentialChecks,
  ...rateChecks,
  ...hostileChecks,
  ...nameChecks,
  ...isolationChecks,
];

/**
 * Declares a mocha suite that holds a registry adapter to the contract: rules 1 to 11 of docs/adapters.md, its names,
 * and its manners beside other registries. Call it at the top of a test file.
 *
 * Rules 1-4, 6, 7, 10 and 11 are run for every adapter, 5, 8 and 9 for those whose `supports` declares `resync`,
 * `silenceMs` or `credentials`. What is left out is shown as pending with its reason, and again in a closing summary.
 *
 * @throws CrowflyError `bad-option` for options that are unknown or of the wrong kind
 */
export function registryConformance(options: RegistryConformanceOptions): void {
  checkOptions('registryConformance', options, {
    name: check.string,
    setup: check.function,
    timeoutMs: check.ms(1),
    quietMs: check.ms(1),
    abortMs: check.ms(1),
    maxRequestsPerSecond: check.number(0),
    seed: check.integer(0, 2 ** 32),
    print: check.function,
  });
  check.string(options.name, 'registryConformance.name');
  check.function(options.setup, 'registryConformance.setup');
  const limits: Limits = {
    ...CONFORMANCE_DEFAULTS,
    seed: (Date.now() ^ (process.pid << 8)) >>> 0,
    ...definite(options),
  };
  const traffic = new Traffic();
  const summary = new Summary(options.name);
  let harness: RegistryHarness | undefined;
  let supports: Capabilities = { unknown: false };

  describe(`${options.name}: registry conformance`, function () {
    // The kit has bounds of its own, whose messages say more.
    this.timeout(limits.timeoutMs * 20 + 60_000);

    before(async () => {
      traffic.start();
      harness = await options.setup();
      checkHarness(harness);
      supports = await probe(harness, limits, traffic);
    });

    after(async () => {
      traffic.stop();
      await harness?.close?.();
      for (const line of summary.lines()) (options.print ?? console.log)(line);
    });

    for (const rule of new Set(CHECKS.map((one) => one.rule))) {
      describe(ruleTitle(rule), () => {
        for (const one of CHECKS.filter((candidate) => candidate.rule === rule)) {
          it(one.title, async function () {
            if (harness === undefined) return this.skip();
            const reason =
              leftOut(one, harness, supports) ??
              (await play(one, new Stage(harness, supports, limits, traffic), summary));
            if (reason === undefined) return;
            summary.leftOut(one, reason);
            if (this.test !== undefined) this.test.title += ` (left out: ${reason})`;
            this.skip();
          });
        }
      });
    }
  });
}

/** The given ones of the optional settings. */
function definite(options: RegistryConformanceOptions): Partial<Limits> {
  const { timeoutMs, quietMs, abortMs, maxRequestsPerSecond, seed } = options;
  return Object.fromEntries(
    Object.entries({ timeoutMs, quietMs, abortMs, maxRequestsPerSecond, seed }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

/** What the adapter declares, read from a registry that is closed again. */
async function probe(harness: RegistryHarness, limits: Limits, traffic: Traffic): Promise<Capabilities> {
  const stage = new Stage(harness, { unknown: false }, limits, traffic);
  const { supports } = stage.registry;
  await stage.end();
  return supports ?? { unknown: false };
}

async function play(one: Check, stage: Stage, summary: Summary): Promise<string | undefined> {
  try {
    let reason: string | undefined;
    try {
      reason = (await one.run(stage)) ?? undefined;
    } catch (error) {
      // The first thing that went wrong is the one to show.
      await stage.end().catch(() => {});
      throw error;
    }
    await stage.end();
    if (reason === undefined) summary.kept(one);
    return reason;
  } catch (error) {
    summary.broken(one);
    if (error instanceof Error) error.message += ` [seed ${stage.limits.seed}]`;
    throw error;
  } finally {
    summary.note(stage.notes);
  }
}
