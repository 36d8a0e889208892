import { expect } from 'chai';
import { breaches, RULES, type Workspace } from '../lib/boundaries.ts';
import { loadPackages, type Package, packageOf, readSource } from '../lib/packages.ts';
import { readJson } from '../lib/workspace.mjs';

const { engines, license } = readJson('package.json');
const workspace: Workspace = { packages: loadPackages(), engines: engines.node, license };

describe('every published package', () => {
  for (const rule of RULES) {
    it(rule.name, () => {
      const found = breaches(workspace, rule);
      if (found.length > 0) expect.fail(`\n${found.join('\n')}\n`);
    });
  }
});

describe('private packages', () => {
  it('are built together from packages/dev', () => {
    const dev = workspace.packages.find(({ dir }) => dir === 'packages/dev')!;
    const published = workspace.packages.filter(
      ({ manifest, dir }) => !manifest.private && dir.startsWith('packages/'),
    );
    expect([...dev.references].sort()).to.include.members(published.map(({ dir }) => dir));
    expect(Object.keys(dev.manifest.devDependencies ?? {})).to.include.members(
      published.map(({ manifest }) => manifest.name),
    );
  });
});

describe('the boundary rules', () => {
  const core = sample('packages/core', '@crowfly/core', {});

  it('find nothing wrong with a package that keeps them', () => {
    expect(found(registry())).to.deep.equal([]);
  });

  const cases: readonly [what: string, broken: Package, message: RegExp][] = [
    [
      'an undeclared import',
      registry({ imports: ['yaml'] }),
      /src\/index\.ts: imports yaml, which is not declared/,
    ],
    [
      'an unused dependency',
      registry({}, { dependencies: { yaml: '1' } }),
      /declares yaml, which nothing in src imports/,
    ],
    [
      'an import across layers',
      registry(
        { imports: ['@crowfly/strategies/x'] },
        { dependencies: { '@crowfly/strategies': 'workspace:^' } },
      ),
      /@crowfly\/registry-x may not import @crowfly\/strategies/,
    ],
    [
      'an import of the front door',
      registry({ imports: ['crowfly'] }, { dependencies: { crowfly: 'workspace:^' } }),
      /may not import crowfly/,
    ],
    [
      'a package that no layer knows',
      sample('packages/odd', '@crowfly/odd', {}),
      /no row in the table of layers/,
    ],
    ['an import past the package', registry({ imports: ['../../core/src/x.js'] }), /outside of its own src/],
    ['an export *', registry({ exportsAll: true }), /has an `export \*`/],
    ['a camel-case file', registry({ file: 'src/myFile.ts' }), /myFile\.ts is not kebab-case/],
    ['another version', registry({}, { version: '9.0.0' }), /version is "9\.0\.0" \(make it "0\.1\.0"\)/],
    ['an old engines field', registry({}, { engines: { node: '>=18' } }), /engines is/],
    ['missing exports', registry({}, { exports: {} }), /exports has no "\."/],
    [
      'types that do not come first',
      registry({}, { exports: { '.': { default: './dist/index.js', types: './dist/index.d.ts' } } }),
      /put types first/,
    ],
    [
      'an export of what is not there',
      registry({}, { exports: { '.': { types: './dist/index.d.ts', default: './dist/nope.js' } } }),
      /there is no src\/nope\.ts/,
    ],
    ['tests in the tarball', registry({}, { files: ['dist', 'test'] }), /list dist and src/],
    [
      'a sibling that the build does not wait for',
      registry({ imports: ['@crowfly/core'] }, { dependencies: { '@crowfly/core': 'workspace:^' } }),
      /tsconfig\.json: does not refer to packages\/core/,
    ],
  ];
  for (const [what, broken, message] of cases) {
    it(`catch ${what}`, () => {
      expect(found(broken).join('\n')).to.match(message);
    });
  }

  it('see static, re-exported, dynamic and type-only imports, and no comments or strings', () => {
    const { imports, exportsAll } = readSource(
      'src/x.ts',
      `import { a } from 'one'; import type { B } from 'two'; export { c } from 'three'; import 'four';
       const five = await import('five/sub'); type Six = import('six').Six; export const own = a;
       // import { x } from 'comment'
       const text = "import y from 'string'";`,
    );
    expect(imports).to.have.members(['one', 'two', 'three', 'four', 'five/sub', 'six']);
    expect(exportsAll).to.equal(false);
    expect(readSource('src/x.ts', `export * from './y.js'`).exportsAll).to.equal(true);
    expect(packageOf('five/sub')).to.equal('five');
    expect(packageOf('@a/b/c')).to.equal('@a/b');
  });

  function found(pkg: Package): string[] {
    const samples: Workspace = { packages: [core, pkg], engines: '>=20', license: 'MIT' };
    return RULES.flatMap((rule) => breaches(samples, rule));
  }
});

function registry(source: Partial<Package['sources'][number]> = {}, manifest: object = {}): Package {
  return sample('packages/registry-x', '@crowfly/registry-x', source, manifest);
}

function sample(
  dir: string,
  name: string,
  source: Partial<Package['sources'][number]>,
  manifest: object = {},
): Package {
  const index = { file: 'src/index.ts', imports: [], exportsAll: false };
  const sources = [index, { ...index, ...source }];
  return {
    dir,
    manifest: {
      name,
      version: '0.1.0',
      description: 'A sample.',
      license: 'MIT',
      type: 'module',
      sideEffects: false,
      engines: { node: '>=20' },
      exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
      files: ['dist', 'src'],
      ...manifest,
    },
    files: ['README.md', 'package.json', ...sources.map(({ file }) => file)],
    sources,
    references: [],
  };
}
