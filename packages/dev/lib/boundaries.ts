// The rules that every package keeps: what it may import, what it declares, how its files are named.
import { posix } from 'node:path';
import { type Package, packageOf } from './packages.ts';

export interface Workspace {
  readonly packages: readonly Package[];
  readonly engines: string;
  readonly license: string;
}

interface Rule {
  readonly name: string;
  /** Yields `[file or field, what is wrong, how to fix it]`. */
  check(pkg: Package, workspace: Workspace): Iterable<readonly [where: string, problem: string, fix: string]>;
}

const TOP = ['@crowfly/testkit', '@crowfly/cli', 'crowfly'];

/** Who may import whom; `'below'` is every package but those on top. Private packages and examples may all. */
const LAYERS: readonly (readonly [importer: RegExp, may: readonly string[] | 'below' | 'all'])[] = [
  [/^@crowfly\/core$/, []],
  [/^@crowfly\/(http|strategies)$/, ['@crowfly/core']],
  [/^@crowfly\/(registry|client)-/, ['@crowfly/core', '@crowfly/http']],
  [/^@crowfly\/testkit$/, ['@crowfly/core', '@crowfly/http']],
  [/^crowfly$/, 'below'],
  [/^@crowfly\/cli$/, 'all'],
];

const isWorkspaceName = (name: string): boolean => name === 'crowfly' || name.startsWith('@crowfly/');

function mayImport(importer: string, imported: string): boolean {
  const may = LAYERS.find(([pattern]) => pattern.test(importer))?.[1] ?? [];
  if (may === 'all') return true;
  return may === 'below' ? !TOP.includes(imported) : may.includes(imported);
}

/** The packages imported under src/, each with the first file that does. */
function importedPackages(pkg: Package): Map<string, string> {
  const found = new Map<string, string>();
  for (const { file, imports } of pkg.sources) {
    for (const specifier of imports) {
      const name = packageOf(specifier);
      const own = specifier.startsWith('.') || specifier.startsWith('node:') || name === pkg.manifest.name;
      if (!own && !found.has(name)) found.set(name, file);
    }
  }
  return found;
}

const declared = ({ manifest }: Package): string[] =>
  Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });

export const RULES: readonly Rule[] = [
  {
    name: 'imports what it declares',
    *check(pkg) {
      for (const [name, file] of importedPackages(pkg)) {
        if (!declared(pkg).includes(name))
          yield [
            file,
            `imports ${name}, which is not declared`,
            `add ${name} to dependencies or peerDependencies`,
          ];
      }
    },
  },
  {
    name: 'declares what it imports',
    *check(pkg) {
      const imported = importedPackages(pkg);
      for (const name of declared(pkg)) {
        if (!imported.has(name))
          yield [
            'package.json',
            `declares ${name}, which nothing in src imports`,
            'remove it, or move it to devDependencies',
          ];
      }
    },
  },
  {
    name: 'imports only from the layers below',
    *check(pkg) {
      const self = pkg.manifest.name;
      if (!LAYERS.some(([pattern]) => pattern.test(self)))
        yield [
          'package.json',
          `${self} has no row in the table of layers`,
          'add one in packages/dev/lib/boundaries.ts',
        ];
      for (const [name, file] of importedPackages(pkg)) {
        if (isWorkspaceName(name) && !mayImport(self, name))
          yield [
            file,
            `${self} may not import ${name}`,
            'move what is shared to core or http, or pass it in',
          ];
      }
    },
  },
  {
    name: 'reaches other packages by name',
    *check({ sources }) {
      for (const { file, imports } of sources) {
        for (const specifier of imports) {
          if (!specifier.startsWith('.') || posix.join(posix.dirname(file), specifier).startsWith('src/'))
            continue;
          yield [file, `imports ${specifier}, outside of its own src`, 'import the package by its name'];
        }
      }
    },
  },
  {
    name: 'has named exports only',
    *check({ sources }) {
      for (const { file, exportsAll } of sources) {
        if (exportsAll) yield [file, 'has an `export *`', 'name what is exported'];
      }
    },
  },
  {
    name: 'has kebab-case file names',
    *check({ files }) {
      for (const file of files) {
        if (/^(README|CHANGELOG)\.md$|^LICENSE$/.test(file)) continue;
        const bad = file.split('/').find((part) => !/^\.?[a-z0-9]+(?:[-.][a-z0-9]+)*$/.test(part));
        if (bad !== undefined) yield [file, `${bad} is not kebab-case`, 'rename it'];
      }
    },
  },
  {
    name: 'has a README',
    *check({ files }) {
      if (!files.includes('README.md'))
        yield ['README.md', 'is missing', 'write one from which a user of just this package can start'];
    },
  },
  {
    name: 'has a complete manifest',
    *check({ dir, manifest }, { packages, engines, license }) {
      const folder = dir.split('/')[1];
      const version = packages.find((pkg) => pkg.manifest.name === '@crowfly/core')?.manifest.version;
      const expected: Record<string, unknown> = {
        name: folder === 'crowfly' ? folder : `@crowfly/${folder}`,
        version, // in lockstep: one version number says which packages belong together
        license,
        type: 'module',
        sideEffects: false,
        engines: { node: engines },
      };
      for (const [field, value] of Object.entries(expected)) {
        if (JSON.stringify(manifest[field]) !== JSON.stringify(value))
          yield [
            'package.json',
            `${field} is ${JSON.stringify(manifest[field])}`,
            `make it ${JSON.stringify(value)}`,
          ];
      }
      if (!manifest.description)
        yield ['package.json', 'has no description', 'say in one line what it is for'];
    },
  },
  {
    name: 'exports built files, types first',
    *check({ manifest, files }) {
      const entries = Object.entries((manifest.exports ?? {}) as Record<string, Record<string, string>>);
      if (!entries.some(([path]) => path === '.')) yield ['package.json', 'exports has no "."', 'add it'];
      for (const [path, conditions] of entries) {
        if (path === './package.json') continue;
        if (Object.keys(conditions).join() !== 'types,default')
          yield [
            'package.json',
            `exports["${path}"] is not types, then default`,
            'put types first, default last',
          ];
        for (const target of Object.values(conditions)) {
          const source = target.replace(/^\.\/dist\/(bundle\/)?/, 'src/').replace(/(\.d)?\.[jt]s$/, '.ts');
          if (!files.includes(source))
            yield [
              'package.json',
              `exports["${path}"] names ${target}`,
              `there is no ${source} from which it is built`,
            ];
        }
      }
      const shipped = (manifest.files ?? []) as string[];
      if (!shipped.includes('dist') || shipped.includes('test'))
        yield ['package.json', `files is ${JSON.stringify(shipped)}`, 'list dist and src, and no tests'];
    },
  },
  {
    name: 'takes siblings from the workspace, and in the right order of building',
    *check(pkg, { packages }) {
      const { dependencies, devDependencies, peerDependencies } = pkg.manifest;
      const all = { ...devDependencies, ...peerDependencies, ...dependencies };
      for (const [name, range] of Object.entries(all)) {
        if (isWorkspaceName(name) && range !== 'workspace:^')
          yield ['package.json', `${name} is ${range}`, 'make it workspace:^'];
      }
      const needed = declared(pkg).filter(isWorkspaceName);
      for (const name of needed) {
        const dir = packages.find((other) => other.manifest.name === name)?.dir;
        if (dir !== undefined && !pkg.references.includes(dir))
          yield [
            'tsconfig.json',
            `does not refer to ${dir}`,
            `add it to references: ${name} must be built first`,
          ];
      }
    },
  },
];

/** Every breach of every rule, one line each: package, file, problem and fix. */
export function breaches(workspace: Workspace, rule: Rule): string[] {
  return workspace.packages
    .filter(({ dir, manifest }) => dir.startsWith('packages/') && manifest.private !== true)
    .flatMap((pkg) =>
      [...rule.check(pkg, workspace)].map(
        ([where, problem, fix]) => `${pkg.dir}/${where}: ${problem} (${fix})`,
      ),
    );
}
