import { expect } from 'chai';
import fc from 'fast-check';
import { ListReader } from '../../dist/registry-client/list-reader.js';
import { cut, places } from '../support/chunks.ts';

const MAX = 1_000_000;

function read(chunks: readonly Buffer[], max = MAX): { items: unknown[]; around: unknown } {
  const items: unknown[] = [];
  const reader = new ListReader(max, (item) => items.push(item));
  for (const chunk of chunks) reader.push(chunk);
  return { items, around: reader.end() };
}

const whole = (text: string): Buffer[] => [Buffer.from(text)];
const each = (text: string): Buffer[] => [...Buffer.from(text)].map((byte) => Buffer.from([byte]));

/** Strings that look like what surrounds them. */
const nasty = fc.constantFrom(
  '"items":[',
  '{"items": [',
  ']}',
  '\\',
  '"',
  '\\"',
  '€𝄞',
  '"items\\":[',
  '[]',
  '{',
);
const text = fc.oneof(fc.string({ unit: 'binary' }), nasty);
const value = fc.jsonValue({ stringUnit: 'binary' });
const item = fc.dictionary(text, fc.oneof(value, text), { maxKeys: 5 });
const metadata = fc.record({ resourceVersion: text, items: fc.array(item, { maxLength: 3 }), more: value });

describe('the list reader', () => {
  it('gives the items of any list, however it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(item, { maxLength: 10 }),
        metadata,
        text,
        fc.boolean(),
        places,
        fc.constantFrom(0, 2),
        (items, about, kind, first, at, indent) => {
          const list = first ? { items, kind, metadata: about } : { kind, metadata: about, items };
          const result = read(cut(JSON.stringify(list, undefined, indent), at));
          expect(result.items).to.deep.equal(JSON.parse(JSON.stringify(items)));
          expect(result.around).to.deep.equal(JSON.parse(JSON.stringify({ ...list, items: [] })));
        },
      ),
    );
  });

  it('gives them byte by byte', () => {
    const list = {
      kind: 'List',
      items: [{ a: '\\"items\\":[' }, { 'b"': ['€', { items: [1] }] }, {}],
      metadata: {},
    };
    expect(read(each(JSON.stringify(list)))).to.deep.equal({
      items: list.items,
      around: { ...list, items: [] },
    });
  });

  it('never hangs, and never gives a wrong item, whatever comes', () => {
    const soup = fc.array(
      fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        '"',
        '\\',
        ',',
        ':',
        ' ',
        '"items":',
        'null',
        '1',
        'ä',
        '{"items":[',
        '{}',
      ),
      {
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(soup, places, (parts, at) => {
        const text = parts.join('');
        let parsed: { items?: unknown } | undefined;
        try {
          parsed = JSON.parse(text);
        } catch {
          // Then the reader must not take it either.
        }
        let result: ReturnType<typeof read> | undefined;
        try {
          result = read(cut(text, at));
        } catch (error) {
          expect(error).to.be.an.instanceOf(SyntaxError);
          return;
        }
        expect(parsed, 'took for a list what is no JSON').to.be.an('object');
        expect(result.items).to.deep.equal(parsed?.items ?? []);
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes bytes that are no text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          read([Buffer.from(bytes)]);
        } catch (error) {
          expect(error).to.be.an.instanceOf(SyntaxError);
        }
      }),
    );
  });

  for (const [what, list] of Object.entries({
    'no items': '{"metadata":{}}',
    'a Status instead': '{"kind":"Status","code":200}',
    'items that are no list': '{"items":{"a":1}}',
    'items that are no objects': '{"items":[1,"a"]}',
    'something between items': '{"items":[{} {}]}',
    'an end inside an item': '{"items":[{"a":1}',
    'an end inside a string': '{"items":[{"a":"',
    'nothing at all': '',
    'a page of a proxy': '<html>{"items":[]}</html>',
    'items that hide': `{"items":${' '.repeat(100)}[{"a":1}]}`,
    'an escaped name of items': '{"\\u0069tems":[{"a":1}]}',
    'a name that ends like it': '{"a\\"items":[{"a":1}]}',
  })) {
    it(`refuses ${what}`, () => {
      for (const chunks of [whole(list), each(list)]) expect(() => read(chunks)).to.throw(SyntaxError);
    });
  }

  it('takes items: null for none, as Go writes it', () => {
    expect(read(whole('{"items":null,"metadata":{}}')).items).to.deep.equal([]);
  });

  it('costs no more for large items than their size', function () {
    this.timeout(20_000);
    // As 16 KB chunks, as they come from the network; copied anew for each chunk it would take minutes.
    const long = 'x'.repeat(30_000_000);
    const bytes = Buffer.from(JSON.stringify({ items: [{ long }], metadata: {} }));
    const chunks = Array.from({ length: Math.ceil(bytes.length / 16_384) }, (_, n) =>
      bytes.subarray(n * 16_384, (n + 1) * 16_384),
    );
    const { items } = read(chunks, 40_000_000);
    expect((items[0] as { long: string }).long.length).to.equal(long.length);
  });

  it('keeps no more than it may of what does not end', () => {
    const endless = Buffer.from(`"${'x'.repeat(10_000)}`);
    for (const start of ['{"items":[{"a":', '{"a":', '<html>']) {
      const reader = new ListReader(100_000, () => {});
      reader.push(Buffer.from(start));
      expect(() => {
        for (let n = 0; n < 12; n++) reader.push(endless);
      }).to.throw(/more than 100000 bytes/);
    }
  });
});

describe('the list reader, of a list that is the whole', () => {
  const readList = (chunks: readonly Buffer[]): unknown[] => {
    const items: unknown[] = [];
    const reader = new ListReader(MAX, (one) => items.push(one), 'list');
    for (const chunk of chunks) reader.push(chunk);
    reader.end();
    return items;
  };

  it('gives its items, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 10 }), fc.nat({ max: 3 }), (items, indent) => {
        const json = JSON.stringify(items, null, indent);
        expect(readList(whole(json))).to.deep.equal(JSON.parse(json));
        expect(readList(each(json))).to.deep.equal(JSON.parse(json));
      }),
      { numRuns: 100 },
    );
  });

  it('refuses what is none, or holds something else than objects, or goes on behind its end', () => {
    for (const bad of ['{}', '{"items":[{}]}', '[1]', '[{}', '[{}]]', '[{}][{}]', '', 'null', '[{},null]'])
      if (bad !== 'null') expect(() => readList(whole(bad)), bad).to.throw();
    expect(readList(whole('[]'))).to.deep.equal([]);
    expect(readList(whole('null'))).to.deep.equal([]);
  });
});
