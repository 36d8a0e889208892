import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  checkCommands,
  checkData,
  checkLinks,
  checkShape,
  type Module,
  type Pages,
  runModule,
  typeCheckModules,
  writeModules,
} from '../lib/docs.ts';
import { readPage } from '../lib/markdown.ts';
import { dev, packageDirs, readJson, root } from '../lib/workspace.mjs';

const scripts = Object.keys(readJson('package.json').scripts);
const packages = packageDirs().map((dir) => readJson(`${dir}/package.json`).name as string);

// Inside packages/dev, whose node_modules hold every package; one folder a run, so that runs do not meet.
mkdirSync(join(dev, '.cache'), { recursive: true });
const work = mkdtempSync(join(dev, '.cache', 'docs-'));
after(() => rmSync(work, { recursive: true, force: true }));

describe('the documentation', () => {
  const pages: Pages = new Map(
    findPages().map((page) => [page, readPage(readFileSync(join(root, page), 'utf8'))]),
  );
  const modules = writeModules(pages, join(work, 'pages'));

  it('has code only in languages that are checked', () => none(checkShape(pages)));
  it('shows JSON and YAML that parse', () => none(checkData(pages)));
  it('names commands and packages that exist', () => none(checkCommands(pages, scripts, packages)));
  it('links to files that exist', () => none(checkLinks(pages, root)));
  it('shows code that type-checks', async () =>
    none(await typeCheckModules(modules, join(work, 'pages')))).timeout(60_000);
  for (const module of modules.filter(({ run }) => run)) {
    it(`shows code that runs: ${module.page}:${module.at}`, async () =>
      none(await runModule(module, join(work, 'pages')))).timeout(60_000);
  }
});

describe('the test of the documentation', () => {
  const ticks = '```';
  const fence = (info: string, ...lines: string[]): string => [`${ticks}${info}`, ...lines, ticks].join('\n');
  const pagesOf = (...parts: string[]): Pages => new Map([['a.md', readPage(parts.join('\n'))]]);

  it('finds blocks in lists, in longer fences and after a set-up, and knows their lines', () => {
    const { blocks, problems } = readPage(
      [
        '# Title',
        '',
        '- item',
        '',
        '  ```ts run',
        '  const a = 1;',
        '    a;',
        '  ```',
        '',
        '<!-- docs-test: setup',
        'declare const b: number;',
        '-->',
        '',
        fence('ts', 'b;'),
        '````text',
        fence('ts', 'c;'),
        '````',
      ].join('\n'),
    );
    expect(problems).to.deep.equal([]);
    expect(blocks.map(({ language, marks, at }) => [language, ...marks, at])).to.deep.equal([
      ['ts', 'run', 5],
      ['ts', 14],
      ['text', 17],
    ]);
    expect(blocks[0]!.lines).to.deep.equal([
      { text: 'const a = 1;', at: 6 },
      { text: '  a;', at: 7 },
    ]);
    expect(blocks[1]!.setup).to.deep.equal([{ text: 'declare const b: number;', at: 11 }]);
  });

  it('catches a block that is never closed, a set-up without a block, and an unknown language or mark', () => {
    const setup = ['<!-- docs-test: setup', 'let x;', '-->', 'prose'];
    expect(checkShape(pagesOf(...setup, fence('bash', 'ls'), fence('ts skip'), `${ticks}ts`))).to.deep.equal([
      "a.md:5: no check for 'bash': use one of ts, js, json, yaml, sh, or text",
      "a.md:8: 'skip' means nothing here: run, continues (ts, js) or file=name",
      'a.md:2: this set-up stands above no block',
      'a.md:10: this block is never closed',
    ]);
  });

  it('catches JSON and YAML that do not parse, commands and packages that do not exist, and dead links', () => {
    const pages = pagesOf(
      fence('json', '{ "a": }'),
      fence('yaml', 'a: 1', 'b: [1'),
      fence('sh', 'npm test', 'npm run nope', 'npm i @crowfly/nope'),
      '[here](a.md#x) [gone](gone.md) [web](https://example.com) `[no](link)`',
    );
    expect(checkData(pages).map((line) => line.split(': ', 2).join(': '))).to.deep.equal([
      'a.md:1: not JSON',
      'a.md:7: not YAML',
    ]);
    expect(checkCommands(pages, ['test'], [])).to.deep.equal([
      "a.md:10: there is no script 'nope' in package.json",
      'a.md:11: there is no package @crowfly/nope',
    ]);
    expect(checkLinks(pages, join(root, 'no', 'such', 'folder')).length).to.equal(2);
  });

  it('catches code that does not type-check, at its line on the page', async () => {
    const { complaints } = await typeCheck(
      fence('ts', 'const fine: number = 1;'),
      '<!-- docs-test: setup',
      'declare const text: string;',
      '-->',
      fence('ts', '', 'const wrong: number = text;'),
      fence('ts', 'await Promise.resolve(fine);'),
      fence('js', 'export const twice = (n) => n * 2;', 'twice(1).nope;'),
    );
    expect(complaints).to.have.members([
      "a.md:9: error TS2322: Type 'string' is not assignable to type 'number'.",
      "a.md:12: error TS2304: Cannot find name 'fine'.",
      "a.md:16: error TS2339: Property 'nope' does not exist on type 'number'.",
    ]);
  }).timeout(60_000);

  it('lets blocks continue each other, import each other by file name, and use packages of the workspace', async () => {
    const { complaints, modules } = await typeCheck(
      fence('ts file=one.ts', "import '@crowfly/core';", 'export const one = 1;'),
      fence('ts continues', 'one.toFixed();'),
      fence('ts run', "import { one } from './one.js';", 'one.toFixed();'),
      fence('js', "const { readFileSync } = require('node:fs');", 'readFileSync;'),
    );
    expect(complaints).to.deep.equal([]);
    expect(modules.map(({ file }) => file)).to.deep.equal(['a/one.ts', 'a/line-8.ts', 'a/line-12.cjs']);
  }).timeout(60_000);

  it('runs what is marked so, beside the files that the page shows, and catches a failure', async () => {
    const { modules, folder } = await typeCheck(
      fence('yaml file=data.yaml', 'a: 1'),
      fence(
        'ts run',
        "import { readFileSync } from 'node:fs';",
        "if (readFileSync('data.yaml', 'utf8') !== 'a: 1\\n') throw 1;",
      ),
      fence('ts run', "throw new Error('on purpose');"),
    );
    expect(await runModule(modules[0]!, folder)).to.deep.equal([]);
    expect((await runModule(modules[1]!, folder))[0]).to.match(
      /^a\.md:8: ended with exit code 1:[\s\S]*on purpose/,
    );
  }).timeout(60_000);

  async function typeCheck(
    ...parts: string[]
  ): Promise<{ complaints: string[]; modules: Module[]; folder: string }> {
    const folder = mkdtempSync(join(work, 'fixture-'));
    const modules = writeModules(pagesOf(...parts), folder);
    return { complaints: await typeCheckModules(modules, folder), modules, folder };
  }
});

function none(complaints: readonly string[]): void {
  if (complaints.length > 0) expect.fail(`\n${complaints.join('\n')}\n`);
}

function findPages(): string[] {
  const docs = existsSync(join(root, 'docs'))
    ? readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((file) => `docs/${file}`)
    : [];
  const readmes = ['README.md', ...packageDirs().map((dir) => `${dir}/README.md`)];
  return [
    ...readmes.filter((file) => existsSync(join(root, file))),
    ...docs.filter((file) => file.endsWith('.md')),
  ]
    .map((file) => file.replaceAll('\\', '/'))
    .sort();
}
