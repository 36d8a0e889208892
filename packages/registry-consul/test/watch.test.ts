import { expect } from 'chai';
import { Rig } from './support/rig.ts';
import { entries } from './support/scripted-agent.ts';

describe('the watch of a service', () => {
  let rig: Rig;
  const start = async (...args: Parameters<typeof Rig.start>): Promise<Rig> => {
    rig = await Rig.start(...args);
    return rig;
  };
  afterEach(() => rig.close());

  it('asks without waiting, then waits on the index that it was given', async () => {
    await start({ filter: 'Service.Meta.version == "2"', near: '_agent', datacenter: 'dc2' });
    rig.agent.now = { entries: entries(2, 1), index: 7 };
    const watched = rig.watch();
    await watched.says('2,1');
    const { query, service } = await rig.wait();
    expect(service).to.equal('orders');
    expect(Object.fromEntries(query)).to.deep.equal({
      dc: 'dc2',
      filter: 'Service.Meta.version == "2"',
      near: '_agent',
      index: '7',
      wait: '20000ms',
    });
  });

  it('never waits on an index below one', async () => {
    await start();
    rig.agent.now = { index: 0 };
    rig.watch();
    expect((await rig.wait()).query.get('index')).to.equal('1');
  });

  it('says nothing when an answer says nothing new', async () => {
    await start();
    rig.agent.now = { entries: entries(1, 2), index: 7 };
    const watched = rig.watch();
    (await rig.wait()).answer({ entries: entries(2, 1), index: 8 });
    await rig.until(() => rig.agent.waits.length === 2, 'no second wait');
    expect(rig.agent.waits.at(-1)).to.contain('index=8');
    await watched.says('1,2');
  });

  it('begins anew when the index goes down', async () => {
    await start();
    rig.agent.now = { entries: entries(1, 2), index: 700 };
    const watched = rig.watch();
    const first = await rig.wait();
    rig.agent.now = { entries: entries(1, 3), index: 5 };
    first.answer({ entries: entries(1), index: 5 });
    await watched.says('1,2', '1,3');
    expect((await rig.wait()).query.get('index')).to.equal('5');
  });

  it('believes a removal of less than half at once, and asks before it believes more', async () => {
    await start();
    rig.agent.now = { entries: entries(1, 2, 3, 4), index: 7 };
    const watched = rig.watch();
    const first = await rig.wait();
    first.answer({ entries: entries(1, 2, 3), index: 8 });
    await watched.says('1,2,3,4', '1,2,3');
    const second = await rig.wait();
    rig.agent.now = { entries: entries(1), index: 9 };
    second.answer({ entries: entries(1), index: 9 });
    await watched.says('1,2,3,4', '1,2,3', '1');
    expect(rig.agent.questions.length, 'the first, and one to make sure').to.equal(2);
  });

  it('is denied, and the set stays, when rights turn out to hide it', async () => {
    await start({ token: 'a-token' });
    rig.agent.now = { entries: entries(1, 2), index: 7 };
    const watched = rig.watch();
    const first = await rig.wait();
    rig.agent.now = { index: 7, filtered: true };
    first.answer({ index: 7 });
    const error = await watched.fails();
    expect(error.code).to.equal('denied');
    expect(error.message).to.contain(
      'service "orders" { policy = "read" } and node_prefix "" { policy = "read" }',
    );
    expect(error.message).to.contain('the token in consul.token').and.not.to.contain('a-token');
    expect(watched.said).to.deep.equal(['1,2']);
  });

  it('asks the servers themselves when it must be sure, whatever the consistency: a cache hides what rights hide', async () => {
    await start({ consistency: 'cached' });
    rig.agent.now = { entries: entries(1, 2), index: 7 };
    rig.watch();
    expect((await rig.wait()).query.has('cached')).to.equal(true);
    expect(rig.agent.questions).to.deep.equal(['/v1/health/service/orders?']);
  });

  it('slows down when questions and waits contradict each other without end', async () => {
    await start();
    rig.agent.now = { entries: entries(1, 2), index: 7 };
    rig.agent.atOnce = { index: 8 };
    const watched = rig.watch();
    await rig.pass(120_000);
    await watched.says('1,2');
    // Two without a pause, then after 0.25 s, 0.5 s, ... 15 s; each a wait and a question.
    expect(rig.agent.asked.length).to.be.at.most(50);
  });

  it('costs a few requests a minute when an agent answers at once, and no more of them for a lower index', async () => {
    for (const index of [7, 6]) {
      await start();
      rig.agent.now = { entries: entries(1, 2), index: 7 };
      rig.agent.atOnce = { entries: entries(1, 2), index };
      const watched = rig.watch();
      await rig.pass(60_000);
      await watched.says('1,2');
      const inFirst = rig.agent.asked.length;
      expect(inFirst, 'in the first minute').to.be.at.most(index === 7 ? 20 : 40);
      await rig.pass(60_000);
      expect(rig.agent.asked.length - inFirst, 'in the next').to.be.at.most(index === 7 ? 12 : 18);
      await rig.close();
    }
    await start();
  });

  it('tells of ordinary changes at once, one after the other', async () => {
    await start();
    rig.agent.now = { entries: entries(1), index: 1 };
    const watched = rig.watch();
    // No time passes: nothing waits for a timer.
    for (let number = 2; number <= 8; number++) {
      const waiting = await rig.wait();
      waiting.answer({ entries: entries(1, number), index: number });
      await rig.until(() => watched.sets.length === number, `no set ${number}`);
    }
  });
});
