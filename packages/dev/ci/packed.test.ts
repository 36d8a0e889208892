// The packages as a user gets them: packed, installed with npm outside of the workspace, and used.
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadPackages, type Package } from '../lib/packages.ts';
import { capture } from '../lib/process.mjs';
import { NODES, nodeBinary, runTool } from '../lib/tools.mjs';
import { dev, readJson, root, typescriptArgs } from '../lib/workspace.mjs';

const all = loadPackages();
const published = all.filter(({ dir, manifest }) => dir.startsWith('packages/') && !manifest.private);
const names = published.map(({ manifest }) => manifest.name);
// Every export of every package, as a user would import it.
const entries = published.flatMap(({ manifest }) =>
  Object.keys(manifest.exports as object).map((path) => manifest.name + path.slice(1)),
);
/** Those of an example that need no registry server. */
const testsOf = ({ files }: Package): string[] =>
  files.filter((file) => file.endsWith('.test.ts') && !file.startsWith('test/servers/'));
// Examples are users too. The demo is left to its own test: it takes its time.
const examples = all.filter(
  (pkg) => pkg.dir.startsWith('examples/') && pkg.dir !== 'examples/demo' && testsOf(pkg).length > 0,
);

describe('the packed packages', function () {
  this.timeout(300_000);
  const temp = mkdtempSync(join(tmpdir(), 'crowfly-packed-'));
  const tarballs = join(temp, 'tarballs');
  const consumer = join(temp, 'consumer');
  const tarball = ({ manifest: { name, version } }: Package): string =>
    join(tarballs, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`);

  before(async () => {
    const pnpm = readJson('package.json').packageManager;
    const filters = names.map((name) => `--filter=${name}`);
    await succeed('npx', ['--yes', pnpm, '-r', ...filters, 'pack', '--pack-destination', tarballs], root);
    cpSync(join(dev, 'fixtures', 'consumers'), consumer, { recursive: true });
    for (const { dir } of examples) {
      cpSync(join(root, dir), join(consumer, dir), {
        recursive: true,
        filter: (path) => !/[\\/](node_modules|dist)$/.test(path),
      });
    }
    writeFileSync(join(consumer, 'package.json'), JSON.stringify(consumerManifest(tarball), null, 2));
    writeFileSync(
      join(consumer, 'entries.mts'),
      entries.map((entry, i) => `import * as e${i} from '${entry}';\nvoid e${i};\n`).join(''),
    );
    await succeed('npm', ['install', '--no-audit', '--no-fund', '--engine-strict'], consumer);
  });
  after(() => rmSync(temp, { recursive: true, force: true }));

  for (const pkg of published) {
    it(`${pkg.manifest.name} is well-formed for every resolver`, async () => {
      await pass(runTool('publint', ['run', '--strict', tarball(pkg)]));
      await pass(runTool('attw', ['--profile', 'esm-only', '--no-color', tarball(pkg)]));
    });
  }

  for (const [compiler, what] of [
    ['typescript', 'the current'],
    ['typescript-5', 'the previous major'],
  ] as const) {
    it(`type-check with ${what} TypeScript, libraries included`, () =>
      succeed(process.execPath, [join('node_modules', compiler, 'bin', 'tsc'), '-p', '.'], consumer));
  }

  for (const version of NODES) {
    describe(`on Node ${version}`, () => {
      let node: string;
      before(async () => {
        node = await nodeBinary(version);
      });
      it('load by import, each entry', async () => {
        await silent(node, ['--input-type=module', '-e', loadAll((entry) => `await import('${entry}')`)]);
      });
      // Before 22.13, require of an ES module says that it is experimental.
      it('load by require, each entry', async () => {
        await silent(node, [
          '--disable-warning=ExperimentalWarning',
          '--input-type=commonjs',
          '-e',
          loadAll((entry) => `require('${entry}')`),
        ]);
      });
      for (const program of ['esm.mjs', 'commonjs.cjs', 'built/typescript.mjs', 'built/typescript.cjs']) {
        it(`answer a call from ${program}`, async () => {
          expect(await succeed(node, [program], consumer)).to.equal('200 hello from orders\n');
        });
      }
    });
  }

  /** Not even a warning, such as that of an experimental feature. */
  async function silent(node: string, args: string[]): Promise<void> {
    const { code, output } = await capture(node, args, { cwd: consumer });
    expect(output).to.equal('');
    expect(code).to.equal(0);
  }

  for (const pkg of examples) {
    const { dir } = pkg;
    it(`pass the tests of ${dir}`, async () => {
      const tests = testsOf(pkg).map((file) => join(consumer, dir, file));
      const mocha = [join('node_modules', 'mocha', 'lib', 'cli', 'cli.js'), join(dev, 'config', 'load.mjs')];
      await pass(
        capture(process.execPath, [...typescriptArgs, ...mocha], {
          cwd: consumer,
          env: { CROWFLY_TESTS: JSON.stringify(tests) },
        }),
      );
    });
  }
});

function consumerManifest(tarball: (pkg: Package) => string): object {
  const fromTarballs = Object.fromEntries(
    published.map((pkg) => [pkg.manifest.name, `file:${tarball(pkg)}`]),
  );
  const installed = (dir: string, name: string): string =>
    readJson(`${dir}/node_modules/${name}/package.json`).version;
  const tools = ['typescript', '@types/node', '@types/mocha', '@types/chai', 'mocha', 'chai', 'axios'];
  // Private packages, such as the registry servers, are nobody's but the workspace's.
  const ours = new Set(all.map((pkg) => pkg.manifest.name));
  const ofExamples = examples.flatMap(({ dir, manifest }) =>
    Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
      .filter((name) => !ours.has(name) && existsSync(join(root, dir, 'node_modules', name)))
      .map((name) => [name, installed(dir, name)]),
  );
  return {
    name: 'consumer',
    private: true,
    dependencies: {
      ...Object.fromEntries(ofExamples),
      ...Object.fromEntries(tools.map((name) => [name, installed('packages/dev', name)])),
      'typescript-5': 'npm:typescript@~5.9.0',
      ...fromTarballs,
    },
    // What the packages want of each other is not published yet either.
    overrides: Object.fromEntries(names.map((name) => [name, `$${name}`])),
  };
}

/** A program that loads every entry, and fails when one exports nothing. */
function loadAll(load: (entry: string) => string): string {
  const checks = entries.map(
    (entry) => `if (Object.keys(${load(entry)}).length === 0) throw new Error('${entry} exports nothing');`,
  );
  return checks.join('\n');
}

async function pass(run: Promise<{ code: number; output: string }>): Promise<void> {
  const { code, output } = await run;
  expect(code, output).to.equal(0);
}

async function succeed(program: string, args: string[], cwd: string): Promise<string> {
  const { code, stdout, output } = await capture(program, args, { cwd });
  expect(code, `${program} ${args.join(' ')}\n${output}`).to.equal(0);
  return stdout;
}
