import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import {
  createEngine,
  isCrowflyError,
  type Registry,
  type RegistryFactory,
  type Snapshot,
} from '@crowfly/core';
import { file } from '@crowfly/registry-static';
import { expect } from 'chai';
import { Folder, orders } from '../support/folder.js';
import { context, until, Watched } from '../support/watched.js';

const BAD = 'services:\n  orders: [\n';
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('a file that cannot be read', () => {
  let folder: Folder;
  let registry: Registry;

  beforeEach(() => {
    folder = new Folder();
    registry = file(folder.at('services.yaml'), { pollMs: 60_000 })(context);
  });

  afterEach(async () => {
    await registry.close?.();
    folder.remove();
  });

  it('is an error that names its absolute path, when it is not there at the start', async () => {
    const error = await new Watched(registry, 'orders').fails();
    expect(error).to.include({ name: 'CrowflyError', code: 'bad-data' });
    expect(error.message).to.equal(
      `${folder.at('services.yaml')}: there is no such file: create it, or correct the path`,
    );
  });

  it('is an error that names the line and the column, when its content is bad', async () => {
    folder.write('services.yaml', 'services:\n  orders:\n    - a:1\n   - a:2\n');
    const error = await new Watched(registry, 'orders').fails();
    expect(error).to.include({ code: 'bad-data' });
    expect(error.message).to.match(/services\.yaml:4:\d+: /);
  });

  it('fails each watch once, and the next one waits for a good file, which it sees at once', async () => {
    folder.write('services.yaml', orders(1));
    const first = new Watched(registry, 'orders');
    await first.says('a:1');
    folder.write('services.yaml', BAD);
    await first.fails();
    expect(first.said).to.deep.equal(['a:1']);

    const second = new Watched(registry, 'orders');
    await pause(150);
    expect(second).to.include({ settled: false });
    folder.write('services.yaml', orders(2));
    await second.says('a:2');

    // The next outage is another one.
    rmSync(folder.at('services.yaml'));
    await second.fails();
    const third = new Watched(registry, 'orders');
    folder.write('services.yaml', orders(3));
    await third.says('a:3');
    await third.end();
  });

  it('tells of the next mistake too, once for all services', async () => {
    folder.write('services.yaml', BAD);
    await new Watched(registry, 'orders').fails();
    await new Watched(registry, 'users').fails();
    const waiting = [new Watched(registry, 'orders'), new Watched(registry, 'users')];
    await pause(100);
    folder.write('services.yaml', 'services:\n  orders: 7\n');
    const told = (): string[] => waiting.flatMap(({ problems }) => problems.map(({ detail }) => detail));
    await until(
      () => told().length > 0,
      () => 'nothing was told',
    );
    expect(told()).to.have.length(1);
    expect(told()[0]).to.match(/services\.yaml:2:3: services\.orders: expected a list/);
    for (const one of waiting) {
      expect(one.settled).to.equal(false);
      await one.end();
    }
  });

  it('fails a new follower at once, although others know already', async () => {
    folder.write('services.yaml', BAD);
    await new Watched(registry, 'orders').fails();
    const waiting = new Watched(registry, 'orders');
    await pause(50);
    await new Watched(registry, 'users').fails();
    await waiting.end();
    // It gave up waiting: whoever comes next knows nothing.
    await new Watched(registry, 'orders').fails();
  });

  it('is seen when it appears, also where its directory was missing', async () => {
    registry = file(folder.at('etc', 'crowfly', 'services.yaml'), { pollMs: 60_000 })(context);
    await new Watched(registry, 'orders').fails();
    const waiting = new Watched(registry, 'orders');
    await pause(50);
    mkdirSync(folder.at('etc'));
    await pause(50);
    mkdirSync(folder.at('etc', 'crowfly'));
    await pause(50);
    folder.write('etc/crowfly/services.yaml', orders(1));
    await waiting.says('a:1');
    await waiting.end();
  });

  it('keeps its set when it loses its permissions, and goes on when it has them again', async function () {
    if (process.platform === 'win32') return this.skip();
    const path = folder.write('services.yaml', orders(1));
    await asNobody(folder, async () => {
      const first = new Watched(registry, 'orders');
      await first.says('a:1');
      chmodSync(path, 0o000);
      expect((await first.fails()).message).to.match(/may not read it: change its permissions/);
      expect(first.said).to.deep.equal(['a:1']);
      const second = new Watched(registry, 'orders');
      chmodSync(path, 0o600);
      await second.says('a:1');
      await second.end();
    });
  });

  it('is a typed error for a directory, a file that is too large, and one that is no UTF-8', async () => {
    mkdirSync(folder.at('a.json'));
    folder.write('b.json', `{"services": {}}${' '.repeat(100)}`);
    folder.write('c.yaml', '');
    folder.write('d.yaml', 'services: {}');
    for (const [name, options, message] of [
      ['a.json', {}, /a\.json: it is a directory: name the file in it/],
      ['b.json', { maxBytes: 100 }, /b\.json: it has more than 100 bytes: raise maxBytes/],
      ['c.yaml', {}, /c\.yaml:1:1: the file is empty; write 'services: {}'/],
      ['d.yaml/e.json', {}, /is no directory: correct the path/],
    ] as const) {
      const one = file(folder.at(name), options)(context);
      expect(await new Watched(one, 'orders').fails())
        .to.include({ code: 'bad-data' })
        .with.property('message')
        .that.matches(message);
      await one.close?.();
    }
    writeFileSync(folder.at('f.yaml'), Buffer.from([0x61, 0xff, 0xfe]));
    const one = file(folder.at('f.yaml'))(context);
    expect((await new Watched(one, 'orders').fails()).message).to.match(/it is not UTF-8 text/);
  });
});

/** Root reads everything, so it is somebody else for a while. */
async function asNobody(folder: Folder, action: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return action();
  const nobody = 65_534;
  chownSync(folder.path, nobody, nobody);
  chownSync(folder.at('services.yaml'), nobody, nobody);
  process.seteuid?.(nobody);
  try {
    await action();
  } finally {
    process.seteuid?.(0);
  }
}

describe('a file under the core', () => {
  let folder: Folder;

  beforeEach(() => {
    folder = new Folder();
  });

  afterEach(() => folder.remove());

  function follow(factory: RegistryFactory) {
    let watches = 0;
    const engine = createEngine(() => ({ update() {}, pick: () => undefined }), {
      registry: (given) => {
        const registry = factory(given);
        return {
          ...registry,
          watch(service, feed) {
            watches++;
            return registry.watch(service, feed);
          },
        };
      },
      logger: false,
      env: false,
    });
    const problems: string[] = [];
    engine.on('problem', ({ detail }) => problems.push(detail));
    let snapshot: Snapshot = { status: 'pending' };
    engine.watch('orders', (next) => {
      snapshot = next;
    });
    const is = (status: Snapshot['status']): Promise<void> =>
      until(
        () => snapshot.status === status,
        () => `expected ${status}, is ${snapshot.status}`,
      );
    return { engine, is, problems, snapshot: () => snapshot, watches: () => watches };
  }

  it('serves the last good set while it is bad, says why, asks for no hot loop, and is fresh when it is good', async () => {
    const path = folder.write('services.yaml', orders(1));
    const { engine, is, snapshot, watches } = follow(file(path));
    await is('ready');
    folder.write('services.yaml', BAD);
    await is('stale');
    const stale = snapshot();
    if (stale.status !== 'stale') throw new Error('it is stale');
    expect(stale.endpoints.map(({ id }) => id)).to.deep.equal(['a:1']);
    expect(isCrowflyError(stale.cause, 'bad-data') && stale.cause.message).to.match(
      /services\.yaml:\d+:\d+: /,
    );
    await pause(1500);
    expect(watches()).to.equal(2);
    folder.write('services.yaml', orders(2));
    await is('ready');
    expect(await engine.instances('orders')).to.have.length(1);
    await engine.close();
  });

  it('is an error at once when it is missing at the start, and there when it is created', async () => {
    const { engine, is, snapshot } = follow(file(folder.at('services.yaml')));
    await is('failed');
    const failed = snapshot();
    expect(failed.status === 'failed' && (failed.cause as Error).message).to.include(
      folder.at('services.yaml'),
    );
    folder.write('services.yaml', orders(1));
    await is('ready');
    await engine.close();
  });

  it('says which entry is wrong, and where', async () => {
    const path = folder.write('services.yaml', `${orders(1)}    - { host: b, port: 70000 }\n`);
    const { engine, is, problems } = follow(file(path));
    await is('ready');
    expect(problems).to.deep.equal([
      `${path}:4:18: services.orders[1].port: expected a whole number from 1 to 65535, got 70000; it is skipped`,
    ]);
    await engine.close();
  });
});
