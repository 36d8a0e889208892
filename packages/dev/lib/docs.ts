// What the documentation promises, checked: each code block type-checks, parses, or names a script that exists.
// Every check returns its complaints as `page:line: what is wrong`.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseDocument } from 'yaml';
import type { Block, Line, Page } from './markdown.ts';
import { capture } from './process.mjs';
import { binOf, typescriptArgs } from './workspace.mjs';

/** Pages by their path from the root. */
export type Pages = ReadonlyMap<string, Page>;

const CODE = ['ts', 'js'];
const CHECKED = [...CODE, 'json', 'yaml', 'sh'];
/** No check is possible or needed for these; any other language is a slip (`bash`, `typescript`, none). */
const UNCHECKED = ['text', 'mermaid', 'diff', 'http', 'html', 'dockerfile'];

export function checkShape(pages: Pages): string[] {
  return each(pages, (block, complain) => {
    const { language, marks } = block;
    if (![...CHECKED, ...UNCHECKED].includes(language)) {
      complain(block.at, `no check for '${language}': use one of ${CHECKED.join(', ')}, or text`);
    }
    for (const mark of marks) {
      const known =
        /^file=[\w./-]+$/.test(mark) || (CODE.includes(language) && /^(run|continues)$/.test(mark));
      if (!known) complain(block.at, `'${mark}' means nothing here: run, continues (ts, js) or file=name`);
    }
    if (block.setup.length > 0 && !CODE.includes(language))
      complain(block.at, 'only ts and js have a set-up');
  }).concat(
    [...pages].flatMap(([page, { problems }]) => problems.map(({ text, at }) => `${page}:${at}: ${text}`)),
  );
}

export function checkData(pages: Pages): string[] {
  return each(pages, (block, complain) => {
    const text = textOf(block.lines);
    if (block.language === 'json') {
      try {
        JSON.parse(text);
      } catch (error) {
        complain(block.at, `not JSON: ${(error as Error).message}`);
      }
    } else if (block.language === 'yaml') {
      for (const error of parseDocument(text).errors) {
        complain(block.at + (error.linePos?.[0].line ?? 0), `not YAML: ${error.message.split('\n')[0]}`);
      }
    }
  });
}

export function checkCommands(
  pages: Pages,
  scripts: readonly string[],
  packages: readonly string[],
): string[] {
  return each(pages, (block, complain) => {
    if (block.language !== 'sh') return;
    for (const { text, at } of block.lines) {
      for (const [, run, test] of text.matchAll(/\bnpm (?:run(?: --silent| -s)? ([\w:-]+)|(test)\b)/g)) {
        const script = run ?? test ?? '';
        if (!scripts.includes(script)) complain(at, `there is no script '${script}' in package.json`);
      }
      for (const [name] of text.matchAll(/@crowfly\/[\w-]+/g)) {
        if (!packages.includes(name)) complain(at, `there is no package ${name}`);
      }
    }
  });
}

export function checkLinks(pages: Pages, root: string): string[] {
  return [...pages].flatMap(([page, { links }]) =>
    links
      .filter(({ text }) => !existsSync(join(root, dirname(page), decodeURI(text))))
      .map(({ text, at }) => `${page}:${at}: the link to ${text} leads nowhere`),
  );
}

/** A file made of one block, or of several that continue each other. */
export interface Module {
  readonly page: string;
  readonly at: number;
  /** Relative to the work folder. */
  readonly file: string;
  readonly lines: Line[];
  run: boolean;
}

/** Lays the blocks out as files below `folder`; returns those that are modules. */
export function writeModules(pages: Pages, folder: string): Module[] {
  const modules: Module[] = [];
  const data: { file: string; text: string }[] = [];
  for (const [page, { blocks }] of pages) {
    const home = page.replace(/\.md$/, '').replaceAll('/', '-').toLowerCase();
    let previous: Module | undefined;
    for (const block of blocks) {
      const name = block.marks.find((mark) => mark.startsWith('file='))?.slice('file='.length);
      if (!CODE.includes(block.language)) {
        if (name) data.push({ file: `${home}/${name}`, text: textOf(block.lines) });
        continue;
      }
      if (!block.marks.includes('continues') || !previous) {
        const file = `${home}/${name ?? `line-${block.at}.${extension(block)}`}`;
        previous = { page, at: block.at, file, lines: [], run: false };
        modules.push(previous);
      }
      previous.lines.push(...block.setup, ...block.lines);
      previous.run ||= block.marks.includes('run');
    }
  }
  const files = [...data, ...modules.map(({ file, lines }) => ({ file, text: textOf(lines) }))];
  for (const { file, text } of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  return modules;
}

export async function typeCheckModules(modules: readonly Module[], folder: string): Promise<string[]> {
  const complaints: string[] = [];
  // JavaScript is checked as far as an editor would: without annotations there are parameters of type any.
  for (const { pattern, noImplicitAny } of [
    { pattern: /\.[cm]?ts$/, noImplicitAny: true },
    { pattern: /\.[cm]?js$/, noImplicitAny: false },
  ]) {
    const files = modules.map(({ file }) => file).filter((file) => pattern.test(file));
    if (files.length > 0) complaints.push(...(await compile(files, folder, noImplicitAny)));
  }
  return complaints.map((line) => locate(line, modules));
}

async function compile(files: string[], folder: string, noImplicitAny: boolean): Promise<string[]> {
  const config = join(folder, 'tsconfig.json');
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable'],
    module: 'nodenext',
    strict: true,
    noImplicitAny,
    allowJs: true,
    checkJs: true,
    noEmit: true,
    skipLibCheck: true,
    types: ['node', 'mocha'],
  };
  writeFileSync(config, JSON.stringify({ compilerOptions, files }));
  const args = [binOf('typescript', 'tsc'), '--pretty', 'false', '-p', config];
  const { code, output } = await capture(process.execPath, args, { cwd: folder });
  // A message goes on in indented lines; the first says enough here.
  return code === 0 ? [] : output.split('\n').filter((line) => line.trim() !== '' && !line.startsWith(' '));
}

/** Turns the compiler's place in the module into the place on the page. */
function locate(complaint: string, modules: readonly Module[]): string {
  const [, file, line, message] = /^(.+?)\((\d+),\d+\): (.*)$/.exec(complaint) ?? [];
  const module = modules.find((candidate) => candidate.file === file?.replaceAll('\\', '/'));
  if (!module) return complaint;
  return `${module.page}:${module.lines[Number(line) - 1]?.at ?? module.at}: ${message}`;
}

/** Runs a module as a reader would, from the folder that holds its page's files. */
export async function runModule(module: Module, folder: string): Promise<string[]> {
  const path = join(folder, module.file);
  const cwd = dirname(path);
  const { code, output } = await capture(process.execPath, [...typescriptArgs, relative(cwd, path)], { cwd });
  return code === 0 ? [] : [`${module.page}:${module.at}: ended with exit code ${code}:\n${output}`];
}

const extension = ({ language, lines }: Block): string =>
  language === 'js' && lines.some(({ text }) => /\brequire\(/.test(text)) ? 'cjs' : language;

const textOf = (lines: readonly Line[]): string => lines.map(({ text }) => `${text}\n`).join('');

function each(
  pages: Pages,
  check: (block: Block, complain: (at: number, what: string) => void) => void,
): string[] {
  const complaints: string[] = [];
  for (const [page, { blocks }] of pages) {
    for (const block of blocks) check(block, (at, what) => complaints.push(`${page}:${at}: ${what}`));
  }
  return complaints;
}
