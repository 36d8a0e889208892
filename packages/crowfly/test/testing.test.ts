import { expect } from 'chai';
import { seededRandom, testDiscovery, VirtualClock } from 'crowfly/testing';

describe('testDiscovery', () => {
  it('answers from functions, by the real rules, without a network', async () => {
    const discovery = testDiscovery({
      orders: async (request) => Response.json({ method: request.method, body: await request.text() }),
    });
    const response = await discovery.fetch('http://orders/v1', { method: 'POST', body: 'x' });
    expect(response.url).to.equal('http://orders/v1');
    expect(await response.json()).to.deep.equal({ method: 'POST', body: 'x' });
    await discovery.close();
  });

  it('tries another instance when one is dead, and ejects it', async () => {
    let calls = 0;
    const dead = (): never => {
      calls++;
      throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    };
    const random = seededRandom(1);
    const clock = new VirtualClock();
    const discovery = testDiscovery({ orders: [dead, () => new Response('alive')] }, { clock, random });
    for (let call = 0; call < 20; call++)
      expect(await (await discovery.fetch('http://orders/')).text()).to.equal('alive');
    expect(calls).to.equal(1);
    await discovery.close();
  });

  it('gives the last answer when every instance answers with an error', async () => {
    const unavailable = () => new Response(null, { status: 503 });
    const discovery = testDiscovery({ orders: [unavailable, unavailable] });
    expect((await discovery.fetch('http://orders/')).status).to.equal(503);
    await discovery.close();
  });

  it('refuses what it does not know instead of fetching it', async () => {
    const discovery = testDiscovery({ orders: () => new Response() });
    for (const url of ['http://users/', 'http://example.com/']) {
      const error = await discovery.fetch(url).catch((reason) => reason);
      expect(error.code).to.be.oneOf(['unknown-service', 'bad-request']);
    }
    await discovery.close();
  });

  it('shows a mistake in a fake as it is', async () => {
    const discovery = testDiscovery({
      orders: () => {
        throw new RangeError('oops');
      },
    });
    const error = await discovery.fetch('http://orders/').catch((reason) => reason);
    expect(error).to.be.instanceOf(RangeError);
    await discovery.close();
  });

  it('tells a fake when nobody waits for it any more', async () => {
    const clock = new VirtualClock();
    let aborted = false;
    const discovery = testDiscovery(
      {
        orders: (request) =>
          new Promise<Response>(() => {
            request.signal.addEventListener('abort', () => {
              aborted = true;
            });
          }),
      },
      { clock, defaults: { timeouts: { totalMs: 5_000 } } },
    );
    const error = discovery.fetch('http://orders/').catch((reason) => reason);
    await clock.advance(6_000);
    expect((await error).code).to.equal('timeout');
    expect(aborted).to.equal(true);
    const closed = discovery.close();
    await clock.advance(60_000);
    await closed;
  });

  it('refuses an answer that is no Response, and a misspelt option of a call', async () => {
    const discovery = testDiscovery({ orders: () => ({ id: 42 }) as never });
    const error = await discovery.fetch('http://orders/').catch((reason) => reason);
    expect(error.message).to.include('must return a Response, got an object');
    const misspelt = { crowfly: { atempts: 1 } } as RequestInit;
    const refused = await discovery.fetch('http://orders/', misspelt).catch((reason) => reason);
    expect(refused.message).to.include("did you mean 'attempts'?");
    await discovery.close();
  });

  it('says what is wrong with its arguments', () => {
    expect(() => testDiscovery({ orders: ['http://x'] as never })).to.throw(
      'testDiscovery.orders[0]: expected a function',
    );
    expect(() => testDiscovery({}, { clok: 1 } as never)).to.throw("did you mean 'clock'");
  });
});
