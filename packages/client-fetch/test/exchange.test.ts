import type { RequestListener } from 'node:http';
import { type CrowflyFetch, createFetch } from '@crowfly/client-fetch';
import type { Attempt, Engine, Outcome } from '@crowfly/core';
import { expect } from 'chai';
import fc from 'fast-check';
import { collect } from './support/collect.ts';
import { rejection, until, World } from './support/world.ts';

/** What the client reported of one try. */
interface Reported {
  responded: { status: number; retryAfterMs: number | undefined }[];
  /** Parts of the body. */
  parts: number;
  done: Outcome[];
}

/** The engine, with a record of what is reported to its leases. */
function recorded(engine: Engine, tries: Reported[]): Engine {
  const record = (attempt: Attempt): Attempt => {
    const reported: Reported = { responded: [], parts: 0, done: [] };
    tries.push(reported);
    const { lease } = attempt;
    return {
      number: attempt.number,
      endpoint: attempt.endpoint,
      connectMs: attempt.connectMs,
      onAbort: (abort) => attempt.onAbort(abort),
      lease: {
        endpoint: lease.endpoint,
        purpose: lease.purpose,
        responded(status, retryAfterMs) {
          reported.responded.push({ status, retryAfterMs });
          lease.responded(status, retryAfterMs);
        },
        done(outcome) {
          reported.done.push(outcome);
          lease.done(outcome);
        },
        progress() {
          reported.parts++;
          lease.progress();
        },
      },
    };
  };
  return new Proxy(engine, {
    get(target, key) {
      if (key === 'call') {
        return ((route, request, transport) => {
          const tried = new Map<Attempt, Attempt>();
          return target.call(route, request, {
            send: (attempt) => {
              tried.set(attempt, record(attempt));
              return transport.send(tried.get(attempt) as Attempt);
            },
            classify: (error, attempt) => transport.classify(error, tried.get(attempt) as Attempt),
          });
        }) satisfies Engine['call'];
      }
      const value = Reflect.get(target, key) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe('what is reported of a try', () => {
  let world: World;
  let engine: Engine;
  let fetch: CrowflyFetch;
  let tries: Reported[];
  beforeEach(() => {
    world = new World();
    engine = world.engine();
    tries = [];
    fetch = createFetch(recorded(engine, tries));
  });
  afterEach(() => world.close());

  const serve = async (listener: RequestListener): Promise<void> => {
    world.registry.put('orders', (await world.instance(listener)).endpoint);
  };
  const reported = (): Reported => {
    expect(tries).to.have.length(1);
    return tries[0] as Reported;
  };
  const kinds = (): string[] => reported().done.map(({ kind }) => kind);
  const half: RequestListener = (_request, response) => void response.write('half');

  it('is the head when it arrives, and the end when all has', async () => {
    let finish = (): void => {};
    await serve((_request, response) => {
      response.write('first');
      finish = () => response.end('last');
    });
    const response = await fetch('http://orders/');
    await until(() => reported().parts === 1);
    expect(reported().responded).to.deep.equal([{ status: 200, retryAfterMs: undefined }]);
    expect(kinds()).to.deep.equal([]);
    finish();
    await response.text();
    expect(reported().parts).to.equal(2);
    expect(kinds()).to.deep.equal(['answered']);
  });

  it('is the end even if nobody reads a body that is small', async () => {
    await serve((_request, response) => response.end('small'));
    await fetch('http://orders/');
    await until(() => reported().done.length > 0);
    expect(kinds()).to.deep.equal(['answered']);
  });

  it('is how long a 503 or a 429 asks to wait', async () => {
    for (const [status, retryAfterMs] of [
      [503, 7000],
      [429, 7000],
      [200, undefined],
    ] as const) {
      tries.length = 0;
      await serve((_request, response) => void response.writeHead(status, { 'Retry-After': '7' }).end());
      await (await fetch('http://orders/')).text();
      expect(reported().responded).to.deep.equal([{ status, retryAfterMs }]);
    }
  });

  it('is the last answer after hints', async () => {
    await serve((_request, response) => {
      response.writeEarlyHints({ link: '</x>; rel=preload' });
      response.writeHead(201).end();
    });
    await (await fetch('http://orders/')).text();
    expect(reported().responded.map(({ status }) => status)).to.deep.equal([201]);
  });

  it('is a broken body', async () => {
    await serve((request, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half', () => request.socket.resetAndDestroy());
    });
    await rejection((await fetch('http://orders/')).text());
    expect(kinds()).to.deep.equal(['body-broken']);
  });

  it('is nothing when there is no answer: the core knows better what that means', async () => {
    await serve((request) => request.socket.resetAndDestroy());
    await rejection(fetch('http://orders/', { method: 'POST' }));
    expect(reported()).to.deep.equal({ responded: [], parts: 0, done: [] });
  });

  for (const [what, abort] of [
    ['an abort', (controller) => controller.abort()],
    ['an abort with a reason of its own', (controller) => controller.abort({ code: 'ECONNRESET' })],
    ['a time limit', (controller) => controller.abort(new DOMException('late', 'TimeoutError'))],
  ] as [string, (controller: AbortController) => void][]) {
    it(`is canceled when ${what} of the caller comes inside the body: the instance had answered in time`, async () => {
      await serve(half);
      const controller = new AbortController();
      const response = await fetch('http://orders/', { signal: controller.signal });
      const body = rejection(response.text());
      abort(controller);
      await body;
      expect(kinds()).to.deep.equal(['canceled']);
    });
  }

  for (const [what, drop] of [
    ['cancels the body', (response: Response) => response.body?.cancel()],
    ['cancels it with an error', (response: Response) => response.body?.cancel(new Error('enough'))],
    [
      'stops reading it',
      async (response: Response) => {
        for await (const _chunk of response.body as ReadableStream) break;
      },
    ],
  ] as const) {
    it(`is canceled when the caller ${what}`, async () => {
      await serve(half);
      await drop(await fetch('http://orders/'));
      await until(() => reported().done.length > 0);
      expect(kinds()).to.deep.equal(['canceled']);
    });
  }

  it('is canceled when nobody holds the answer any more', async () => {
    await serve((_request, response) => void response.write(Buffer.alloc(1_000_000)));
    await fetch('http://orders/');
    while (reported().done.length === 0) await collect();
    expect(kinds()).to.deep.equal(['canceled']);
  });

  it('frees every instance exactly once, whatever happens', async function () {
    this.timeout(60_000);
    const server = await world.instance((request, response) => {
      const [, how, delay] = (request.url ?? '').split('/');
      setTimeout(() => {
        if (how === 'reset') request.socket.resetAndDestroy();
        else if (how === 'close') request.socket.destroy();
        else if (how === 'hang') return;
        else if (how === 'busy') response.writeHead(503).end('busy');
        else if (how === 'redirect') response.writeHead(302, { location: `http://users/ok/${delay}` }).end();
        else if (how === 'away') response.writeHead(302, { location: 'http://nobody/' }).end();
        else {
          response.write('x'.repeat(100));
          setTimeout(() => {
            if (how === 'ok') response.end('end');
            else if (how === 'cut') request.socket.destroy();
            else if (how === 'stall') return;
            else response.end('x'.repeat(300_000));
          }, Number(delay));
        }
      }, Number(delay));
    });
    const endpoints = [1, 2, 3].map((n) => ({ ...server.endpoint, id: `same${n}` }));
    world.registry.put('orders', ...endpoints, await world.refused());
    world.registry.put('users', ...endpoints);
    world.registry.put('nobody');

    const how = fc.constantFrom(
      'ok',
      'large',
      'reset',
      'close',
      'hang',
      'busy',
      'redirect',
      'away',
      'cut',
      'stall',
    );
    const call = fc.record({
      how,
      delay: fc.integer({ min: 0, max: 3 }),
      method: fc.constantFrom('GET', 'POST', 'HEAD'),
      abortMs: fc.option(fc.integer({ min: 0, max: 12 })),
      timeout: fc.boolean(),
      body: fc.constantFrom('read', 'cancel', 'ignore'),
    });
    type Call = typeof call extends fc.Arbitrary<infer T> ? T : never;
    const one = async ({ how, delay, method, abortMs, timeout, body }: Call): Promise<void> => {
      const limit = AbortSignal.timeout(40);
      const controller = new AbortController();
      limit.addEventListener('abort', () => controller.abort(limit.reason));
      const reason = timeout ? new DOMException('late', 'TimeoutError') : new Error('enough');
      if (abortMs !== null) setTimeout(() => controller.abort(reason), abortMs);
      const crowfly = { timeouts: { firstByteMs: 20 } };
      try {
        const url = `http://orders/${how}/${delay}`;
        const response = await fetch(url, { method, signal: controller.signal, crowfly });
        if (body === 'read') await response.text();
        if (body === 'cancel') await response.body?.cancel();
      } catch {
        // which error, other tests say
      }
    };
    const runs = Number(process.env.CROWFLY_LONG ? 300 : 30);
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 30 }), async (calls) => {
        tries.length = 0;
        await Promise.all(calls.map(one));
        // What is ignored ends with the limit of the caller's signal.
        const busy = async (): Promise<number> => {
          const both = await Promise.all([engine.explain('orders'), engine.explain('users')]);
          return both.flatMap(({ instances }) => instances).reduce((sum, { inFlight }) => sum + inFlight, 0);
        };
        while ((await busy()) !== 0) await new Promise((resolve) => setTimeout(resolve, 1));
        for (const { responded, done } of tries) {
          expect(responded.length).to.be.at.most(1);
          expect(done.length).to.be.at.most(1);
          // After a head it is the client that reports the end.
          if (responded.length === 1) expect(done.length).to.equal(1);
        }
      }),
      { numRuns: runs, endOnFailure: true },
    );
    // Nothing is open: closing has nothing to wait for.
    const from = performance.now();
    await engine.close();
    expect(performance.now() - from).to.be.below(4_000);
  });
});
