import { CrowflyError, type Endpoint, type Feed, type Problem } from '@crowfly/core';
import { type ScriptedRegistry, scriptedRegistry } from '@crowfly/testkit';
import { expect } from 'chai';

/** Watches `service`, and writes down what it hears. */
function listen(registry: ScriptedRegistry, service: string) {
  const sets: (readonly Endpoint[])[] = [];
  const unknown: string[] = [];
  const problems: Problem[] = [];
  const ending = new AbortController();
  const feed: Feed = {
    signal: ending.signal,
    publish: (set) => void sets.push(set),
    unknown: (reason) => void unknown.push(reason),
    report: (problem) => void problems.push(problem),
  };
  const opened = registry.factory({} as never);
  const ended = opened.watch({ key: service }, feed).then(
    () => 'returned',
    (error: Error) => error.message,
  );
  return { sets, unknown, problems, ended, abort: () => ending.abort(), opened };
}

describe('scriptedRegistry', () => {
  it('tells a watch each new set at once, in one order, and each content once', () => {
    const registry = scriptedRegistry({ services: { orders: ['10.0.0.2:80', '10.0.0.1:80'] } });
    const { sets } = listen(registry, 'orders');
    registry.put('orders', ['10.0.0.1:80', '10.0.0.2:80']);
    registry.put('orders', []);
    registry.put('orders', [{ id: 'six', host: '::1', port: 80, zone: 'a' }]);
    expect(sets.map((set) => set.map(({ id }) => id))).to.deep.equal([
      ['10.0.0.1:80', '10.0.0.2:80'],
      [],
      ['six'],
    ]);
    expect(sets[0]?.[0]).to.deep.equal({ id: '10.0.0.1:80', host: '10.0.0.1', port: 80 });
  });

  it('says unknown for a service that is not there, or an empty set when it cannot tell', () => {
    const told = listen(scriptedRegistry(), 'orders');
    expect(told.unknown).to.deep.equal(["there is no scripted service 'orders'"]);
    expect(told.sets).to.deep.equal([]);
    const untold = listen(scriptedRegistry({ supports: { unknown: false } }), 'orders');
    expect(untold.unknown).to.deep.equal([]);
    expect(untold.sets).to.deep.equal([[]]);
  });

  it('fails running and later watches until it is healed', async () => {
    const registry = scriptedRegistry({ services: { orders: ['10.0.0.1:80'] } });
    const running = listen(registry, 'orders');
    registry.fail(new Error('down'));
    expect(await running.ended).to.equal('down');
    const later = listen(registry, 'orders');
    expect(await later.ended).to.equal('down');
    expect(later.sets).to.deep.equal([]);
    registry.heal();
    expect(listen(registry, 'orders').sets).to.have.length(1);
    expect(registry.started('orders')).to.equal(3);
    expect(registry.watching()).to.equal(1);
  });

  it('fails the watches of one service alone', async () => {
    const registry = scriptedRegistry();
    const [orders, users] = [listen(registry, 'orders'), listen(registry, 'users')];
    registry.fail(undefined, 'orders');
    expect(await orders.ended).to.equal('the scripted registry was told to fail');
    registry.put('users', ['10.0.0.1:80']);
    expect(users.sets).to.have.length(1);
    expect(registry.watching('orders')).to.equal(0);
    expect(registry.watching('users')).to.equal(1);
  });

  it('hangs: says nothing, and catches up when it is healed', () => {
    const registry = scriptedRegistry({ services: { orders: ['10.0.0.1:80'] } });
    const running = listen(registry, 'orders');
    registry.hang();
    registry.put('orders', ['10.0.0.2:80']);
    registry.put('orders', ['10.0.0.3:80']);
    const later = listen(registry, 'orders');
    expect([running.sets.length, later.sets.length]).to.deep.equal([1, 0]);
    registry.heal();
    expect(running.sets.map((set) => set[0]?.id)).to.deep.equal(['10.0.0.1:80', '10.0.0.3:80']);
    expect(later.sets.map((set) => set[0]?.id)).to.deep.equal(['10.0.0.3:80']);
  });

  it('drops running watches once', async () => {
    const registry = scriptedRegistry({ services: { orders: ['10.0.0.1:80'] } });
    const running = listen(registry, 'orders');
    registry.drop(new Error('reset'));
    expect(await running.ended).to.equal('reset');
    expect(listen(registry, 'orders').sets).to.have.length(1);
  });

  it('reports skipped entries to running and later watches', () => {
    const registry = scriptedRegistry();
    const running = listen(registry, 'orders');
    const problem = { code: 'bad-port', detail: 'port 0', entry: 'x' };
    registry.put('orders', ['10.0.0.1:80'], [problem]);
    expect(running.problems).to.deep.equal([problem]);
    expect(listen(registry, 'orders').problems).to.deep.equal([problem]);
  });

  it('ends a watch with its signal, and counts what is open', async () => {
    const registry = scriptedRegistry({ services: { orders: ['10.0.0.1:80'] } });
    const { abort, ended, opened, sets } = listen(registry, 'orders');
    expect([registry.open, registry.watching()]).to.deep.equal([1, 1]);
    abort();
    expect(await ended).to.equal('returned');
    registry.put('orders', []);
    expect(sets).to.have.length(1);
    await opened.close?.();
    await opened.close?.();
    expect([registry.open, registry.watching()]).to.deep.equal([0, 0]);
  });

  it('refuses what it cannot use, and says where', () => {
    expect(() => scriptedRegistry({ service: {} } as never)).to.throw(
      CrowflyError,
      "did you mean 'services'?",
    );
    expect(() => scriptedRegistry().put('orders', ['nonsense' as never])).to.throw(
      CrowflyError,
      "'host:port'",
    );
  });
});
