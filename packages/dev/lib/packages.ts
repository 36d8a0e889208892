// The workspace's packages as data: manifests, source files and what those import.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from 'oxc-parser';
import { packageDirs, readJson, root } from './workspace.mjs';

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly [field: string]: unknown;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export interface Source {
  /** Relative to the package, e.g. `src/index.ts`. */
  readonly file: string;
  /** Every specifier, of type-only and dynamic imports too. */
  readonly imports: readonly string[];
  readonly exportsAll: boolean;
}

export interface Package {
  /** Relative to the root, e.g. `packages/core`. */
  readonly dir: string;
  readonly manifest: Manifest;
  /** Every file but what is built, installed or kept as a test's fixture; relative to the package. */
  readonly files: readonly string[];
  /** The modules under src/. */
  readonly sources: readonly Source[];
  /** The packages that tsconfig.json refers to, e.g. `packages/core`. */
  readonly references: readonly string[];
}

export function loadPackages(): Package[] {
  return packageDirs().map((dir) => {
    const files = listFiles(dir);
    const sources = files.filter((file) => /^src\/.*\.[cm]?ts$/.test(file));
    const tsconfig = `${dir}/tsconfig.json`;
    return {
      dir,
      manifest: readJson(`${dir}/package.json`),
      files,
      sources: sources.map((file) => readSource(file, readFileSync(join(root, dir, file), 'utf8'))),
      references: existsSync(join(root, tsconfig))
        ? (readJson(tsconfig).references ?? []).map(({ path }: { path: string }) =>
            join(dir, path).replaceAll('\\', '/'),
          )
        : [],
    };
  });
}

export function readSource(file: string, text: string): Source {
  const { program, errors } = parseSync(file, text);
  if (errors.length > 0) throw new SyntaxError(`${file}: ${errors[0]?.message}`);
  const imports = new Set<string>();
  let exportsAll = false;
  visit(program, (node) => {
    if (node.type === 'ExportAllDeclaration') exportsAll = true;
    const source = node.type === 'TSExternalModuleReference' ? node.expression : node.source;
    if (typeof source?.value === 'string') imports.add(source.value);
  });
  return { file, imports: [...imports], exportsAll };
}

interface Node {
  readonly type: string;
  readonly source?: { readonly value?: unknown } | null;
  readonly expression?: { readonly value?: unknown } | null;
}

// Of all nodes only imports, re-exports and import types have a `source`.
function visit(value: unknown, see: (node: Node) => void): void {
  if (typeof value !== 'object' || value === null) return;
  if ('type' in value && typeof value.type === 'string') see(value as Node);
  for (const child of Object.values(value)) visit(child, see);
}

const NOT_OURS = /(^|\/)(node_modules|dist|\.cache|coverage|fixtures)\//;

function listFiles(dir: string): string[] {
  return readdirSync(join(root, dir), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(join(root, dir).length + 1)
        .replaceAll('\\', '/'),
    )
    .filter((file) => !NOT_OURS.test(file) && !file.endsWith('.tsbuildinfo'))
    .sort();
}

/** `@scope/name/sub` and `name/sub` are imports of the package in front. */
export const packageOf = (specifier: string): string =>
  specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
