// The instances of a service stand in a file. The file changes, breaks and is mended, while calls go on.
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { file } from '@crowfly/registry-static';
import { createDiscovery, type Snapshot } from 'crowfly';
import { startInstance } from './instance.ts';

const [one, two, three] = [
  await startInstance('one'),
  await startInstance('two'),
  await startInstance('three'),
];
const folder = await mkdtemp(join(tmpdir(), 'crowfly-example-'));
const path = join(folder, 'services.yaml');

/** Beside the file and then in its place, so that nobody ever reads half of it. */
async function write(text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

await write(`services:\n  orders:\n    - ${one.address}\n    - ${two.address}\n`);
const discovery = createDiscovery({ registry: file(path), logger: false });

/** Resolves with the first snapshot that is as wanted, the present one included; gives up after five seconds. */
function snapshot(wanted: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the change was not seen')), 5000);
    const end = discovery.watch('orders', (next) => {
      if (!wanted(next)) return;
      clearTimeout(timer);
      resolve(next);
      setImmediate(() => end());
    });
  });
}

/** Who answers when thirty calls are made at once. */
async function answeredBy(): Promise<string> {
  const call = async (): Promise<string> => (await discovery.fetch('http://orders/')).text();
  const names = await Promise.all(Array.from({ length: 30 }, call));
  return [...new Set(names)].sort().join(' ');
}

console.log('as written at the start:', await answeredBy());

await write(`services:\n  orders:\n    - ${one.address}\n    - ${two.address}\n    - ${three.address}\n`);
await snapshot((now) => now.status === 'ready' && now.endpoints.length === 3);
console.log('one more line:', await answeredBy());

await write(`services:
  orders:
    - { host: 127.0.0.1, port: ${one.address.split(':')[1]}, state: draining }
    - ${two.address}
    - ${three.address}
`);
await snapshot((now) => now.status === 'ready' && now.endpoints.some(({ state }) => state === 'draining'));
console.log('the first one drains:', await answeredBy());

await write(`services:\n  orders:\n    - ${two.address}\n   - ${three.address}\n`);
const stale = await snapshot((now) => now.status === 'stale');
if (stale.status === 'stale') console.log('the file breaks:', String(stale.cause).replace(folder, ''));
console.log('calls go on:', await answeredBy());

await write(`services:\n  orders:\n    - ${three.address}\n    - ${two.address}\n`);
await snapshot((now) => now.status === 'ready' && now.endpoints.length === 2);
console.log('it is mended:', await answeredBy());

await discovery.close();
for (const instance of [one, two, three]) instance.stop();
await rm(folder, { recursive: true });
