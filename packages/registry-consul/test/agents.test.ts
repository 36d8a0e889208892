import { expect } from 'chai';
import { Rig } from './support/rig.ts';
import { entries } from './support/scripted-agent.ts';

const CUT_OFF = { status: 500, text: 'No known Consul servers' };

describe('agents', () => {
  let rig: Rig;
  const start = async (...args: Parameters<typeof Rig.start>): Promise<Rig> => {
    rig = await Rig.start(...args);
    for (const [at, agent] of rig.agents.entries()) agent.now = { entries: entries(at + 1), index: 7 };
    return rig;
  };
  afterEach(() => rig.close());

  it('that stand still are noticed within fourteen seconds, by one question for all services', async () => {
    await start();
    const watches = ['orders', 'users', 'stock'].map((name) => rig.watch(name));
    await rig.until(() => rig.agent.waiting.length === 3, 'not all wait');
    await rig.pass(9_000);
    expect(rig.agent.asked.filter((path) => path === '/v1/status/leader')).to.have.length(1);
    rig.agent.pulse = undefined;
    await rig.pass(14_000);
    for (const watched of watches) expect((await watched.fails()).message).to.contain('within 5000 ms');
  });

  it('that have lost their servers are noticed by the same question', async () => {
    await start();
    const watched = rig.watch();
    await rig.wait();
    rig.agent.pulse = CUT_OFF;
    await rig.pass(9_500);
    const error = await watched.fails();
    expect(error.code).to.equal('registry-failed');
    expect(error.message).to.contain('No known Consul servers').and.to.contain('consul members');
  });

  it('that have lost their servers are left for the next, and not returned to before they have them again', async () => {
    await start({}, 2);
    const [first, second] = rig.agents;
    const watched = rig.watch();
    const waiting = await rig.wait(first);
    if (first === undefined || second === undefined) throw new Error('no agents');
    first.pulse = CUT_OFF;
    await rig.pass(9_500);
    await watched.says('1', '2');
    expect(waiting.open).to.equal(false);
    const passed = async (): Promise<void> => {
      await rig.pass(20_000);
      (await rig.wait(second)).answer({ entries: entries(2), index: 7 });
      await rig.until(
        () => rig.agents.some(({ waiting }) => waiting.some(({ open }) => open)),
        'nothing waits',
      );
    };
    for (let round = 0; round < 6; round++) await passed();
    await watched.says('1', '2');
    first.pulse = { text: '"127.0.0.1:8300"' };
    for (let round = 0; round < 5; round++) if (watched.sets.length === 2) await passed();
    await watched.says('1', '2', '1');
  });

  it('that all fail are one failure that names each', async () => {
    await start({}, 2);
    for (const agent of rig.agents) agent.now = CUT_OFF;
    const error = await rig.watch().fails();
    expect(error.code).to.equal('registry-failed');
    for (const { address } of rig.agents) expect(error.message).to.contain(address);
  });

  it('that are down, or have too much to do, are left for the next with a fresh index', async () => {
    for (const trouble of ['down', 'busy'] as const) {
      await start({}, 2);
      const [first, second] = rig.agents;
      if (first === undefined || second === undefined) throw new Error('no agents');
      const watched = rig.watch();
      const waiting = await rig.wait(first);
      second.now = { entries: entries(2), index: 3 };
      if (trouble === 'down') await first.down();
      else waiting.answer({ status: 429, text: 'Too many concurrent connections' });
      await watched.says('1', '2');
      expect(second.questions).to.have.length(1);
      expect((await rig.wait(second)).query.get('index')).to.equal('3');
      await rig.close();
    }
    await start();
  });

  it('that answer a query that waits with nothing at all are noticed when its time is over', async () => {
    await start();
    const watched = rig.watch();
    await rig.wait();
    // Twenty seconds, a sixteenth that Consul adds, and five for the answer.
    await rig.pass(26_000);
    expect(watched.settled).to.equal(false);
    await rig.pass(1_000);
    expect((await watched.fails()).message).to.contain('within 26250 ms');
  });
});
