import type { Endpoint, Lease } from '@crowfly/core';
import { settle } from '@crowfly/core/testing';
import { expect } from 'chai';
import fc from 'fast-check';
import { idsOf, instance } from '../support/instances.js';
import { size } from '../support/long.js';
import { HOLD_MS, ServiceModel, type Twin, tierOf } from '../support/model.js';
import { fakeTransport } from '../support/transport.js';
import { World } from '../support/world.js';

const IDS = Array.from({ length: 24 }, (_, index) => `n${index}`);

interface Open {
  readonly lease: Lease;
  /** Ends the call around it, when there is one. */
  end(): void;
  readonly twin: Twin;
  readonly startedAt: number;
}

/** The engine and the model side by side. */
class Real {
  readonly world: World;
  open: Open[] = [];
  set: Endpoint[] = [];

  constructor(guard: boolean) {
    const none = { resets: 0, timeouts: 0, serverErrors: 0 };
    this.world = new World({
      defaults: {
        ejection: { ...none, connectFailures: 1, gatewayErrors: 1 },
        guard: guard ? { holdMs: HOLD_MS } : { maxLossShare: 1 },
        timeouts: { firstByteMs: 1e9, totalMs: 1e9 },
      },
    });
  }

  get updates(): number {
    return this.world.recorded.balancers[0]?.updates.length ?? 0;
  }
}

/** What must hold after every step; `told`: how often the step must have told the plain pool's balancer. */
function compare(model: ServiceModel, real: Real, before: number, told: number): void {
  const { world } = real;
  const [plain, tls] = world.recorded.balancers;
  if (plain === undefined) return;
  expect(real.updates - before, 'updates of the balancer').to.equal(told);
  const twins = [...model.current.values()];
  expect(idsOf(plain.pool.members.map(({ endpoint }) => endpoint))).to.deep.equal(
    [...model.current.keys()].sort(),
  );
  for (const [balancer, secure] of [
    [plain, false],
    [tls, true],
  ] as const) {
    if (balancer === undefined) continue;
    const { pool } = balancer;
    const expected = idsOf(model.eligible(secure).twins.map(({ endpoint }) => endpoint));
    expect(
      idsOf(pool.eligible.map(({ endpoint }) => endpoint)),
      secure ? 'eligible, https' : 'eligible',
    ).to.deep.equal(expected);
    for (const member of pool.members) {
      const twin = model.current.get(member.endpoint.id);
      expect(member.endpoint, 'the facts').to.deep.equal(twin?.endpoint);
      expect(member.inFlight, `in flight of ${member.endpoint.id}`).to.equal(twin?.inFlight);
      expect(pool.isEligible(member)).to.equal(pool.eligible.includes(member));
    }
    const sum = pool.members.reduce((total, { inFlight }) => total + inFlight, 0);
    expect(pool.inFlight, 'in flight of the pool').to.equal(sum);
  }
  expect(twins.every(({ inFlight }) => inFlight >= 0)).to.equal(true);
  expect(world.events('mispick')).to.deep.equal([]);
}

abstract class Step implements fc.AsyncCommand<ServiceModel, Real> {
  check(): boolean {
    return true;
  }

  async run(model: ServiceModel, real: Real): Promise<void> {
    const before = real.updates;
    const told = await this.act(model, real);
    compare(model, real, before, told);
    // Each step has its own moment, as it has in life.
    const later = real.updates;
    await real.world.clock.advance(1);
    compare(model, real, later, model.pass(real.world.clock.now()));
  }

  /** @returns how often the balancer must have been told */
  abstract act(model: ServiceModel, real: Real): Promise<number>;
  abstract toString(): string;
}

type Edit = readonly [kind: 'add' | 'remove' | 'move' | 'facts' | 'shuffle' | 'empty', pick: number];

class Publish extends Step {
  readonly edits: readonly Edit[];
  constructor(edits: readonly Edit[]) {
    super();
    this.edits = edits;
  }

  async act(model: ServiceModel, real: Real): Promise<number> {
    const { registry, clock } = real.world;
    let passed = 0;
    while (registry.open.length === 0) {
      await clock.advance(1_000);
      passed += model.pass(clock.now());
    }
    for (const [kind, pick] of this.edits) real.set = edit(real.set, kind, pick);
    const before = real.updates;
    const known = new Map(
      real.world.recorded.balancers[0]?.pool.members.map((m) => [m.endpoint.id, m.endpoint]),
    );
    registry.last().publish(real.set.map((endpoint) => ({ ...endpoint })));
    const told = model.publish(real.set, clock.now());
    if (before === 0) return real.updates; // the very first set
    for (const { endpoint } of real.world.pool.members) {
      const former = known.get(endpoint.id);
      const same = JSON.stringify(former) === JSON.stringify(endpoint);
      if (same) expect(endpoint, 'what did not change is the same object').to.equal(former);
    }
    return passed + told;
  }

  toString(): string {
    return `publish(${this.edits.map((one) => one.join(' ')).join(', ')})`;
  }
}

function edit(set: Endpoint[], kind: Edit[0], pick: number): Endpoint[] {
  const id = IDS[pick % IDS.length]!;
  const at = pick % Math.max(1, set.length);
  switch (kind) {
    case 'add': {
      const protocol = (['http', 'https', undefined] as const)[pick % 3];
      return set.some((one) => one.id === id)
        ? set
        : [...set, instance(id, protocol === undefined ? {} : { protocol })];
    }
    case 'remove':
      return set.filter((_, index) => index !== at);
    case 'move':
      return set.map((one, index) => (index === at ? { ...one, port: one.port === 9 ? 10 : 9 } : one));
    case 'facts': {
      const facts = [
        { weight: 0 },
        { weight: 5 },
        { state: 'draining' },
        { priority: 1 },
        { zone: 'z' },
        {},
      ] as const;
      return set.map((one, index) => {
        const { id, host, port, protocol } = one;
        const bare = { id, host, port, ...(protocol === undefined ? {} : { protocol }) };
        return index === at ? { ...bare, ...facts[pick % facts.length] } : one;
      });
    }
    case 'shuffle':
      return [...set].sort((a, b) => ((a.port * (pick + 7)) % 13) - ((b.port * (pick + 7)) % 13));
    case 'empty':
      return [];
  }
}

class Pick extends Step {
  readonly secure: boolean;
  readonly way: 'acquire' | 'call';
  constructor(secure: boolean, way: 'acquire' | 'call') {
    super();
    this.secure = secure;
    this.way = way;
  }

  async act(model: ServiceModel, real: Real): Promise<number> {
    const { twins, tier, lastResort } = model.eligible(this.secure);
    const taken = await this.#take(real.world);
    const lease = taken?.lease;
    if (twins.length === 0) {
      expect(lease, 'nobody can be picked').to.equal(undefined);
      return 0;
    }
    const twin = model.current.get(lease?.endpoint.id ?? '');
    if (taken === undefined || lease === undefined || twin === undefined)
      throw new Error('a member that is gone was picked');
    if (lease.purpose === 'probe') {
      expect(twin.ejected, 'only ejected ones are probed').not.to.equal(undefined);
      expect(lastResort || tierOf(twin.endpoint) <= tier, 'no probe where no call would go').to.equal(true);
    } else {
      expect(idsOf(twins.map(({ endpoint }) => endpoint))).to.include(twin.endpoint.id);
    }
    twin.inFlight++;
    real.open.push({ ...taken, twin, startedAt: real.world.clock.now() });
    return 0;
  }

  async #take({ engine }: World): Promise<{ lease: Lease; end(): void } | undefined> {
    const url = this.secure ? 'https://orders/' : 'http://orders/';
    if (this.way === 'acquire') {
      const lease = await engine.acquire(engine.route(new URL(url))!).catch(() => undefined);
      return lease && { lease, end() {} };
    }
    const transport = fakeTransport();
    const route = engine.route(new URL(url))!;
    engine.call(route, { idempotent: true, replayable: true }, transport).catch(() => {});
    await settle();
    const [one] = transport.tries;
    return one && { lease: one.attempt.lease, end: () => one.fail('fatal') };
  }

  toString(): string {
    return `${this.way}${this.secure ? ' over https' : ''}`;
  }
}

type How = 'good' | 'refused' | 'unavailable' | 'canceled' | 'reset' | 'timed out';

class Finish extends Step {
  readonly pick: number;
  readonly how: How;
  constructor(pick: number, how: How) {
    super();
    this.pick = pick;
    this.how = how;
  }

  async act(model: ServiceModel, real: Real): Promise<number> {
    const index = this.pick % Math.max(1, real.open.length);
    const [one] = real.open.splice(index, 1);
    if (one === undefined) return 0;
    const now = real.world.clock.now();
    const { lease, twin, startedAt } = one;
    const eligible = real.world.pool.eligible.map(({ endpoint }) => endpoint.id);
    const told = this.#report(lease, model, twin, startedAt, now);
    twin.inFlight--;
    one.end();
    await settle();
    // Within one mode: panic decides anew about everyone.
    const out = [...model.current.values()].filter(({ ejected }) => ejected !== undefined).length;
    if (told === 1 && 2 * (out + 1) <= model.current.size) expectSmallChange(eligible, real);
    return told;
  }

  #report(lease: Lease, model: ServiceModel, twin: Twin, startedAt: number, now: number): number {
    switch (this.how) {
      case 'good':
        lease.responded(200);
        lease.done({ kind: 'answered' });
        return model.good(twin, startedAt, now);
      case 'unavailable':
        lease.responded(503);
        lease.done({ kind: 'answered' });
        return model.unavailable(twin, startedAt, now);
      case 'refused':
        lease.done({ kind: 'not-sent', error: 1 });
        return model.refused(twin, startedAt, now);
      default:
        if (this.how === 'canceled') lease.done({ kind: 'canceled' });
        if (this.how === 'reset') lease.done({ kind: 'no-answer', error: 1 });
        if (this.how === 'timed out') lease.done({ kind: 'timed-out' });
        return 0;
    }
  }

  toString(): string {
    return `finish(${this.pick}, ${this.how})`;
  }
}

/** One ejection or return moves at most one other member, unless it changes who is eligible at large. */
function expectSmallChange(before: readonly string[], real: Real): void {
  const after = real.world.pool.eligible.map(({ endpoint }) => endpoint.id);
  if (Math.abs(after.length - before.length) !== 1) return;
  const [shorter, longer] = after.length < before.length ? [after, before] : [before, after];
  if (!shorter.every((id) => longer.includes(id))) return;
  const moved = shorter.filter((id, index) => longer[index] !== id);
  expect(moved.length, 'members that moved').to.be.at.most(1);
}

class Tell extends Step {
  readonly what: 'unknown' | 'fail';
  constructor(what: 'unknown' | 'fail') {
    super();
    this.what = what;
  }

  async act(model: ServiceModel, real: Real): Promise<number> {
    const { registry, clock } = real.world;
    const [watch] = registry.open;
    if (watch === undefined) return 0;
    if (this.what === 'unknown') {
      watch.unknown();
      real.set = [];
      return model.publish([], clock.now());
    }
    watch.fail();
    await settle();
    return 0;
  }

  toString(): string {
    return this.what;
  }
}

class Time extends Step {
  readonly ms: number;
  constructor(ms: number) {
    super();
    this.ms = ms;
  }

  async act(model: ServiceModel, { world }: Real): Promise<number> {
    await world.clock.advance(this.ms);
    return model.pass(world.clock.now());
  }

  toString(): string {
    return `${this.ms} ms`;
  }
}

const edits = fc.array(
  fc.tuple(
    fc.constantFrom<Edit[0]>(
      'add',
      'add',
      'add',
      'add',
      'remove',
      'move',
      'facts',
      'facts',
      'shuffle',
      'empty',
    ),
    fc.nat(1_000),
  ),
  { maxLength: 12 },
);

const commands = fc.commands<ServiceModel, Real, false>(
  [
    edits.map((list) => new Publish(list)),
    fc.constant(new Publish([])),
    fc.constantFrom('acquire' as const, 'call' as const).map((way) => new Pick(true, way)),
    fc.constant(new Pick(false, 'acquire')),
    fc.constant(new Pick(false, 'call')),
    fc.constant(new Pick(false, 'call')),
    fc
      .tuple(
        fc.nat(50),
        fc.constantFrom<How>(
          'good',
          'good',
          'good',
          'refused',
          'refused',
          'unavailable',
          'unavailable',
          'canceled',
          'reset',
          'timed out',
        ),
      )
      .map(([pick, how]) => new Finish(pick, how)),
    fc.constantFrom('unknown' as const, 'fail' as const).map((what) => new Tell(what)),
    fc.constantFrom(10, 600, 600, 600, 2_000, 6_000, 61_000).map((ms) => new Time(ms)),
  ],
  { maxCommands: 120, size: 'max' },
);

describe('a service under any sequence of changes, picks and outcomes', () => {
  for (const guard of [false, true]) {
    it(`has exactly the members and the eligible ones of the model, ${guard ? 'with' : 'without'} the guard`, async () => {
      await fc.assert(
        fc.asyncProperty(commands, async (script) => {
          const real = new Real(guard);
          const { world } = real;
          try {
            world.engine.watch('orders', () => {});
            real.set = IDS.slice(0, 6).map((id) => instance(id));
            world.registry.last().publish(real.set);
            const model = new ServiceModel(guard);
            model.publish(real.set, world.clock.now());
            await fc.asyncModelRun(() => ({ model, real }), script);
            const before = real.updates;
            for (const { lease, twin, end } of real.open) {
              lease.done({ kind: 'canceled' });
              lease.done({ kind: 'not-sent', error: 1 });
              twin.inFlight--;
              end();
            }
            await settle();
            compare(model, real, before, 0);
            for (const { pool } of world.recorded.balancers) expect(pool.inFlight).to.equal(0);
          } finally {
            const started = world.clock.now();
            let closedAt = Number.POSITIVE_INFINITY;
            void world.engine.close().then(() => {
              closedAt = world.clock.now();
            });
            await world.clock.advance(60_000);
            expect(closedAt - started, 'nothing is in flight').to.be.at.most(100);
            expect(world.clock.pending).to.equal(0);
          }
        }),
        { numRuns: size(60, 1_500) },
      );
    }).timeout(size(120_000, 3_600_000));
  }
});
