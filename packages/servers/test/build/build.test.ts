import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { buildKubernetes, cacheFolder, required, ServersError } from '@crowfly/servers';
import { expect } from 'chai';

// A `go` that notes what it was asked for, and writes what it should have built.
const GO = `#!/bin/sh
if [ "$1" = env ]; then echo "$FAKE_VERSION"; exit 0; fi
echo "$*" >> "$FAKE_LOG"
[ -z "$FAKE_FAILURE" ] || { echo "$FAKE_FAILURE" >&2; exit 1; }
while [ "$1" != -o ]; do shift; done
echo built > "$2"
`;

describe('building a server', () => {
  const keys = ['PATH', 'CROWFLY_SERVERS_CACHE', 'FAKE_LOG', 'FAKE_VERSION', 'FAKE_FAILURE', 'CI'] as const;
  const before = Object.fromEntries(keys.map((key) => [key, process.env[key]]));
  let folder: string;
  let lines: string[];
  const progress = (line: string): void => void lines.push(line);
  const calls = (): string[] => readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');

  beforeEach(() => {
    lines = [];
    folder = mkdtempSync(join(tmpdir(), 'crowfly-build-'));
    writeFileSync(join(folder, 'go'), GO);
    chmodSync(join(folder, 'go'), 0o755);
    Object.assign(process.env, {
      PATH: `${folder}${delimiter}${before.PATH}`,
      CROWFLY_SERVERS_CACHE: join(folder, 'cache'),
      FAKE_LOG: join(folder, 'calls'),
      FAKE_VERSION: 'go1.26.0',
    });
  });
  afterEach(() => {
    for (const key of keys) {
      if (before[key] === undefined) delete process.env[key];
      else process.env[key] = before[key];
    }
    rmSync(folder, { recursive: true, force: true });
  });

  async function failure(): Promise<ServersError> {
    const error = await buildKubernetes(progress).then(
      () => expect.fail('it was built'),
      (reason) => reason,
    );
    expect(error).to.be.instanceOf(ServersError);
    return error;
  }

  it('says what it does, once', async () => {
    const { etcd } = await buildKubernetes(progress);
    expect(readFileSync(etcd, 'utf8')).to.equal('built\n');
    expect(lines.filter((line) => line.startsWith('building'))).to.have.length(3);
    await buildKubernetes(progress);
    expect(calls()).to.have.length(3);
    expect(lines).to.have.length(6);
    expect(calls().every((call) => call.includes('-mod=readonly'))).to.equal(true);
  });

  it('is done once by all who ask at the same time, one server after the other', async () => {
    const built = await Promise.all([1, 2, 3].map(() => buildKubernetes(progress)));
    expect(calls()).to.have.length(3);
    expect(new Set(built.map(({ apiserver }) => apiserver)).size).to.equal(1);
    expect(lines.filter((line) => line.startsWith('waiting')).length).to.be.greaterThan(0);
    const left = readdirSync(cacheFolder()).filter((name) => !/^(etcd|kube)/.test(name));
    expect(left).to.deep.equal([]);
  });

  it('does not wait for somebody who has died', async () => {
    await buildKubernetes(progress);
    const lock = join(cacheFolder(), 'build.lock');
    for (const name of readdirSync(cacheFolder())) rmSync(join(cacheFolder(), name), { recursive: true });
    writeFileSync(lock, '');
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(lock, longAgo, longAgo);
    await buildKubernetes(progress);
    expect(readdirSync(cacheFolder())).to.have.length(3);
  });

  it('needs a Go, and says how to get one', async () => {
    process.env.PATH = join(folder, 'nothing');
    const { code, message } = await failure();
    expect(code).to.equal('not-available');
    expect(message).to.match(/^no Go found: .*Go 1\.26 or newer: https:\/\/go\.dev\/dl\/.*$/);
  });

  for (const version of [
    'go1.19.8',
    'go: go.mod requires go >= 1.26.0 (running go 1.24.1; GOTOOLCHAIN=local)',
  ]) {
    it(`needs a Go that is new enough, not ${version.slice(0, 8)}`, async () => {
      process.env.FAKE_VERSION = version;
      const { code, message } = await failure();
      expect(code).to.equal('not-available');
      expect(message)
        .to.include(version)
        .and.match(/too old .* Go 1\.26 or newer/);
    });
  }

  it('shows the end of what Go said when it fails, and leaves nothing behind', async () => {
    process.env.FAKE_FAILURE = 'no such module';
    const { code, message } = await failure();
    expect(code).to.equal('build-failed');
    expect(message).to.match(/no such module$/);
    expect(readdirSync(cacheFolder())).to.deep.equal([]);
  });

  it('skips a suite without Go, with one line; in CI it fails', async () => {
    process.env.PATH = join(folder, 'nothing');
    const skipped = new Error('skipped');
    const context = {
      timeout: () => {},
      skip: (): never => {
        throw skipped;
      },
    };
    const outcome = (): Promise<unknown> =>
      required(context, () => buildKubernetes()).catch((reason) => reason);
    delete process.env.CI;
    expect(await outcome()).to.equal(skipped);
    process.env.CI = 'true';
    expect(await outcome()).to.be.instanceOf(ServersError);
  });
});
