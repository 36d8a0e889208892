import type { Endpoint, Events, Listener } from '@crowfly/core';
import { type Closable, createPerInstance } from '@crowfly/http';
import { expect } from 'chai';
import fc from 'fast-check';

class Resource implements Closable {
  closed = 0;
  destroyed = 0;
  finish = (): void => {};
  readonly #busy: boolean;
  readonly #fails: boolean;
  constructor({ busy = false, fails = false } = {}) {
    this.#busy = busy;
    this.#fails = fails;
  }
  close(): Promise<void> | void {
    this.closed++;
    if (this.#fails) throw new Error('cannot close');
    if (this.#busy) return new Promise((resolve) => (this.finish = resolve));
  }
  destroy(): void {
    this.destroyed++;
    this.finish();
  }
}

class Leaving {
  readonly listeners = new Set<Listener<'left'>>();
  on = ((_name: 'left', listener: Listener<'left'>) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }) as never;
  leave(service: string, endpoint: Endpoint): void {
    const event: Events['left'] = { service, registry: 'test', endpoint };
    for (const listener of this.listeners) listener(event);
  }
}

const at = (port: number, id = `i${port}`): Endpoint => ({ id, host: '10.0.0.1', port });

describe('createPerInstance', () => {
  it('makes one resource per address and variant, on first use', () => {
    const made: string[] = [];
    const cache = createPerInstance(new Leaving(), {
      create: ({ host, port }, variant) => {
        made.push(`${variant}@${host}:${port}`);
        return new Resource();
      },
    });
    const first = cache.get('orders', at(1), 'http');
    expect(cache.get('orders', at(1), 'http')).to.equal(first);
    expect(cache.get('users', at(1), 'http')).to.equal(first);
    expect(cache.get('orders', at(1), 'https:orders')).not.to.equal(first);
    expect(cache.get('orders', at(2), 'http')).not.to.equal(first);
    expect(made).to.deep.equal(['http@10.0.0.1:1', 'https:orders@10.0.0.1:1', 'http@10.0.0.1:2']);
  });

  it('closes what an instance used when it left, and makes it anew when it is back', async () => {
    const engine = new Leaving();
    const cache = createPerInstance(engine, { create: () => new Resource() });
    const plain = cache.get('orders', at(1), 'http');
    const tls = cache.get('orders', at(1), 'https:orders');
    const other = cache.get('orders', at(2), 'http');
    engine.leave('orders', { ...at(1), weight: 3 });
    expect([plain.closed, tls.closed, other.closed]).to.deep.equal([1, 1, 0]);
    expect(cache.size).to.equal(1);
    expect(cache.get('orders', at(1), 'http')).not.to.equal(plain);
    await cache.close();
    expect(plain.destroyed).to.equal(0);
  });

  it('keeps what two services share until both lost the instance', () => {
    const engine = new Leaving();
    const cache = createPerInstance(engine, { create: () => new Resource() });
    const shared = cache.get('orders', at(1), 'http');
    cache.get('users', at(1), 'http');
    engine.leave('orders', at(1));
    expect(shared.closed).to.equal(0);
    engine.leave('users', at(1));
    expect(shared.closed).to.equal(1);
  });

  it('closes by force what takes too long, and what cannot close', async () => {
    const engine = new Leaving();
    const resources = [new Resource({ busy: true }), new Resource({ fails: true })];
    const cache = createPerInstance(engine, {
      create: (address) => resources[address.port] as Resource,
      closeMs: 5,
    });
    cache.get('orders', at(0), 'http');
    cache.get('orders', at(1), 'http');
    engine.leave('orders', at(0));
    await cache.close();
    expect(resources.map((resource) => resource.destroyed)).to.deep.equal([1, 1]);
  });

  it('forces the end of a retired resource by itself', async () => {
    const engine = new Leaving();
    const busy = new Resource({ busy: true });
    const cache = createPerInstance(engine, { create: () => busy, retireMs: 5 });
    cache.get('orders', at(0), 'http');
    engine.leave('orders', at(0));
    while (busy.destroyed === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  });

  it('refuses new resources once closed, closes once, and leaves no subscription behind', async () => {
    const engine = new Leaving();
    const cache = createPerInstance(engine, { create: () => new Resource() });
    const resource = cache.get('orders', at(1), 'http');
    await Promise.all([cache.close(), cache.close()]);
    await cache.close();
    expect(resource.closed).to.equal(1);
    expect(engine.listeners.size).to.equal(0);
    expect(() => cache.get('orders', at(1), 'http'))
      .to.throw()
      .with.property('code', 'closed');
  });

  it('holds exactly the resources of instances that are there, whatever order they come and go in', () => {
    const instance = fc.record({
      service: fc.constantFrom('orders', 'users'),
      port: fc.integer({ min: 1, max: 3 }),
      variant: fc.constantFrom('http', 'https:a', 'https:b'),
    });
    const step = fc.record({ use: fc.boolean(), instance });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const engine = new Leaving();
        const open = new Set<Resource>();
        const cache = createPerInstance(engine, {
          create: () => {
            const resource = new Resource();
            open.add(resource);
            return resource;
          },
        });
        const model = new Map<string, Set<string>>();
        for (const { use, instance: one } of steps) {
          if (use) {
            cache.get(one.service, at(one.port), one.variant);
            const key = `${one.variant}@${one.port}`;
            model.set(key, (model.get(key) ?? new Set()).add(one.service));
          } else {
            engine.leave(one.service, at(one.port));
            for (const [key, services] of model) {
              if (key.endsWith(`@${one.port}`)) services.delete(one.service);
              if (services.size === 0) model.delete(key);
            }
          }
          expect(cache.size).to.equal(model.size);
          expect([...open].filter((resource) => resource.closed === 0)).to.have.length(model.size);
        }
      }),
    );
  });
});
