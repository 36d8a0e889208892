import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import type { Registry } from '@crowfly/core';
import { type FileOptions, file } from '@crowfly/registry-static';
import { expect } from 'chai';
import { Folder, orders } from '../support/folder.js';
import { context, until, Watched } from '../support/watched.js';

/** Directories that this process watches, as Linux counts them. */
function watchers(): number {
  const descriptors = readdirSync('/proc/self/fdinfo').map((name) => {
    try {
      return readFileSync(`/proc/self/fdinfo/${name}`, 'utf8');
    } catch {
      return '';
    }
  });
  return descriptors.join('').split('inotify wd:').length - 1;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('a file that changes', () => {
  let folder: Folder;
  let registry: Registry;
  let watched: Watched;

  /** Polling is slow here: what is seen in time was seen by the watcher. */
  function follow(path: string, options: FileOptions = { pollMs: 60_000 }): void {
    registry = file(path, options)(context);
    watched = new Watched(registry, 'orders');
  }

  beforeEach(() => {
    folder = new Folder();
  });

  afterEach(async () => {
    await watched.end();
    await registry.close?.();
    folder.remove();
  });

  it('is followed through atomic renames, each by itself and two at once', async () => {
    follow(folder.write('services.yaml', orders(1)));
    await watched.says('a:1');
    for (const port of [2, 3, 4]) {
      folder.replace('services.yaml', orders(port));
      await watched.says(`a:${port}`);
    }
    folder.replace('services.yaml', orders(5));
    folder.replace('services.yaml', orders(6));
    await watched.says('a:6');
    expect(watched.said.slice(0, 4)).to.deep.equal(['a:1', 'a:2', 'a:3', 'a:4']);
  });

  it('is followed through the swaps of a mounted ConfigMap', async () => {
    const version = (name: string, text: string): void => {
      mkdirSync(folder.at(name));
      folder.write(`${name}/services.yaml`, text);
      symlinkSync(name, folder.at('..data_tmp'));
      renameSync(folder.at('..data_tmp'), folder.at('..data'));
    };
    version('..v1', orders(1));
    symlinkSync('..data/services.yaml', folder.at('services.yaml'));
    follow(folder.at('services.yaml'));
    await watched.says('a:1');
    for (const port of [2, 3, 4]) {
      version(`..v${port}`, orders(port));
      rmSync(folder.at(`..v${port - 1}`), { recursive: true });
      await watched.says(`a:${port}`);
    }
    expect(watched.said).to.deep.equal(['a:1', 'a:2', 'a:3', 'a:4']);
  });

  it('is followed through a link to the current release, on the way to it', async () => {
    for (const port of [1, 2]) {
      mkdirSync(folder.at('releases', String(port)), { recursive: true });
      folder.write(`releases/${port}/services.yaml`, orders(port));
    }
    symlinkSync('releases/1', folder.at('current'));
    follow(folder.at('current', 'services.yaml'));
    await watched.says('a:1');
    symlinkSync('releases/2', folder.at('next'));
    renameSync(folder.at('next'), folder.at('current'));
    await watched.says('a:2');
    folder.write('releases/2/services.yaml', orders(3));
    await watched.says('a:3');
  });

  it('is not believed while it is written in place: no error, and no part of a set', async () => {
    follow(folder.write('services.yaml', orders(1, 2, 3)));
    await watched.says('a:1 a:2 a:3');
    const text = orders(4, 5, 6);
    for (const half of [text, orders(1, 2, 3)]) {
      const handle = openSync(folder.at('services.yaml'), 'w');
      await pause(15);
      writeSync(handle, half.slice(0, half.length - 9));
      await pause(15);
      writeSync(handle, half.slice(half.length - 9));
      closeSync(handle);
      await watched.says(half === text ? 'a:4 a:5 a:6' : 'a:1 a:2 a:3');
    }
    expect(watched.settled).to.equal(false);
    expect(watched.said).to.deep.equal(['a:1 a:2 a:3', 'a:4 a:5 a:6', 'a:1 a:2 a:3']);
  });

  it('is followed through a deletion and a new file, when that comes at once', async () => {
    follow(folder.write('services.yaml', orders(1)));
    await watched.says('a:1');
    rmSync(folder.at('services.yaml'));
    folder.write('services.yaml', orders(2));
    await watched.says('a:2');
    expect(watched.settled).to.equal(false);
  });

  it('is followed when its directory is replaced, and into the new one', async () => {
    mkdirSync(folder.at('etc'));
    follow(folder.write('etc/services.yaml', orders(1)));
    await watched.says('a:1');
    for (const port of [2, 4]) {
      mkdirSync(folder.at('next'));
      folder.write('next/services.yaml', orders(port));
      renameSync(folder.at('etc'), folder.at(`old-${port}`));
      renameSync(folder.at('next'), folder.at('etc'));
      await watched.says(`a:${port}`);
      folder.write('etc/services.yaml', orders(port + 1));
      await watched.says(`a:${port + 1}`);
    }
  });

  it('is followed when a directory further up is replaced, by the slow poll', async () => {
    mkdirSync(folder.at('srv', 'etc'), { recursive: true });
    follow(folder.write('srv/etc/services.yaml', orders(1)), { pollMs: 50 });
    await watched.says('a:1');
    mkdirSync(folder.at('next', 'etc'), { recursive: true });
    folder.write('next/etc/services.yaml', orders(2));
    renameSync(folder.at('srv'), folder.at('old'));
    renameSync(folder.at('next'), folder.at('srv'));
    await watched.says('a:2');
    folder.replace('srv/etc/services.yaml'.replace('srv/etc/', ''), orders(9));
    folder.write('srv/etc/services.yaml', orders(3));
    await watched.says('a:3');
  });

  it('is read although its size and its time of change are those of before', async () => {
    const path = folder.write('services.yaml', orders(1));
    follow(path);
    await watched.says('a:1');
    const { atime, mtime, size } = statSync(path);
    writeFileSync(path, orders(2));
    utimesSync(path, atime, mtime);
    expect(statSync(path)).to.include({ size });
    await watched.says('a:2');
  });

  it('settles on the last of a hundred writes a second, and is neither bad nor cut on the way', async () => {
    follow(folder.write('services.yaml', orders(1000, 1001)));
    await watched.says('a:1000 a:1001');
    for (let port = 1001; port <= 1150; port++) {
      // In turn: in place, and by renaming.
      if (port % 2 === 0) folder.write('services.yaml', orders(port, port + 1));
      else folder.replace('services.yaml', orders(port, port + 1));
      await pause(10);
    }
    await watched.says('a:1150 a:1151');
    expect(watched.settled).to.equal(false);
    expect(watched.said.filter((said) => said.split(' ').length !== 2)).to.deep.equal([]);
    // Five looks a second while it never rests.
    expect(watched.said.length).to.be.within(3, 40);
  });

  it('publishes nothing when it is written again with what it said before, in another order and spelling', async () => {
    follow(folder.write('services.yaml', orders(1, 2)));
    await watched.says('a:1 a:2');
    folder.write('services.yaml', orders(1, 2));
    folder.write('services.yaml', orders(2, 1));
    folder.replace('services.yaml', 'services: { orders: [ { port: 2, host: A }, "a:1" ] } # the same');
    await pause(150);
    folder.replace('services.yaml', orders(1, 2, 3));
    await watched.says('a:1 a:2 a:3');
    expect(watched.said).to.deep.equal(['a:1 a:2', 'a:1 a:2 a:3']);
  });

  it('keeps the very objects of instances that did not change', async () => {
    follow(folder.write('services.yaml', orders(1, 2)));
    await watched.says('a:1 a:2');
    folder.replace('services.yaml', orders(1, 2, 3));
    await watched.says('a:1 a:2 a:3');
    const [before, after] = watched.sets;
    expect(after?.[0]).to.equal(before?.[0]);
    expect(after?.[1]).to.equal(before?.[1]);
    expect(after).to.satisfy(Object.isFrozen);
  });

  it('is watched once for all its services, and not at all when the last one is no longer followed', async () => {
    const count = process.platform === 'linux' ? watchers : () => 1;
    const before = process.platform === 'linux' ? count() : 0;
    const names = Array.from({ length: 50 }, (_, index) => `service-${index}`);
    folder.write('services.yaml', `services:\n${names.map((name) => `  ${name}: [ "a:1" ]\n`).join('')}`);
    follow(folder.at('services.yaml'));
    const all = names.map((name) => new Watched(registry, name));
    for (const one of all) await one.says('a:1');
    expect(count() - before).to.equal(1);
    for (const one of all) await one.end();
    await watched.end();
    if (process.platform !== 'linux') return;
    await until(
      () => count() === before,
      () => `${count() - before} watchers are left`,
    );
  });

  it('tells a follower that comes later what it says now', async () => {
    follow(folder.write('services.yaml', orders(1)));
    await watched.says('a:1');
    folder.replace('services.yaml', orders(2));
    await watched.says('a:2');
    const late = new Watched(registry, 'orders');
    expect(late.said).to.deep.equal(['a:2']);
    await late.end();
    await watched.end();
    folder.replace('services.yaml', orders(3));
    watched = new Watched(registry, 'orders');
    await watched.says('a:3');
    expect(watched.said).to.deep.equal(['a:3']);
  });

  it('is followed by nobody any more when hearing of it made the follower give up', async () => {
    follow(folder.write('services.yaml', orders(1)));
    await watched.says('a:1');
    const ending = new AbortController();
    let heard = 0;
    await registry.watch(
      { key: 'orders' },
      {
        signal: ending.signal,
        publish() {
          heard++;
          ending.abort();
        },
        unknown() {},
        report() {},
      },
    );
    folder.replace('services.yaml', orders(2));
    await watched.says('a:2');
    expect(heard).to.equal(1);
  });
});
