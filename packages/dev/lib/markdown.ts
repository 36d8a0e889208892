// Reading a Markdown page for its test: code blocks with where they stand, hidden set-up, links.

/** One line of a page, with its number there. */
export interface Line {
  readonly text: string;
  readonly at: number;
}

export interface Block {
  readonly language: string;
  /** The words after the language, e.g. `run` in "ts run". */
  readonly marks: readonly string[];
  /** The line of the opening fence. */
  readonly at: number;
  readonly lines: readonly Line[];
  /** Declarations of a set-up comment above the block, which the reader does not see. */
  readonly setup: readonly Line[];
}

export interface Page {
  readonly blocks: readonly Block[];
  /** Relative links, without their anchors. */
  readonly links: readonly Line[];
  readonly problems: readonly Line[];
}

const SETUP = '<!-- docs-test: setup';

export function readPage(text: string): Page {
  const lines = text.split(/\r?\n/).map((line, index): Line => ({ text: line, at: index + 1 }));
  const blocks: Block[] = [];
  const links: Line[] = [];
  const problems: Line[] = [];
  let setup: Line[] = [];

  /** Takes lines until one satisfies `end`; `undefined` at the end of the page. */
  const takeUntil = (end: (text: string) => boolean): Line[] | undefined => {
    const count = lines.findIndex((line) => end(line.text));
    if (count < 0) return undefined;
    const taken = lines.splice(0, count);
    lines.shift();
    return taken;
  };
  const orphanedSetup = (): void => {
    if (setup[0]) problems.push({ text: 'this set-up stands above no block', at: setup[0].at });
    setup = [];
  };

  for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
    const fence = /^( *)(`{3,}|~{3,}) *(.*)$/.exec(line.text);
    if (fence) {
      const [, indent = '', ticks = '', info = ''] = fence;
      const body = takeUntil((text) => text.trim().startsWith(ticks) && /^(`+|~+)$/.test(text.trim()));
      if (!body) problems.push({ text: 'this block is never closed', at: line.at });
      const [language = '', ...marks] = info.trim().split(/ +/);
      const inside = (body ?? []).map(({ text, at }) => ({ text: text.replace(indent, ''), at }));
      blocks.push({ language, marks, at: line.at, lines: inside, setup });
      setup = [];
    } else if (line.text.startsWith(SETUP)) {
      orphanedSetup();
      const body = takeUntil((text) => text.trim() === '-->');
      if (body) setup = body;
      else problems.push({ text: 'this set-up comment is never closed', at: line.at });
    } else if (line.text.trim() !== '') {
      orphanedSetup();
      const prose = line.text.replace(/`[^`]*`/g, '');
      for (const [, target = ''] of prose.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
        if (!/^[a-z]+:/.test(target)) links.push({ text: target, at: line.at });
      }
    }
  }
  orphanedSetup();
  return { blocks, links, problems };
}
