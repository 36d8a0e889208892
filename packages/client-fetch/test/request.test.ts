import { File } from 'node:buffer';
import { expect } from 'chai';
import { isIdempotent, isReplayable, readInit } from '../src/request.js';

describe('what a caller gives to fetch', () => {
  it('is kept as it was, whatever the caller does to it later', async () => {
    const headers = new Headers({ a: '1' });
    const record: Record<string, string> = { a: '1' };
    const pairs = [['a', '1']];
    const bytes = new Uint8Array([1, 2, 3]);
    const params = new URLSearchParams({ a: '1' });
    const form = new FormData();
    form.append('a', '1');
    form.append('f', new Blob(['x'], { type: 'text/plain' }), 'name.txt');
    const kept = {
      headers: readInit({ headers }).headers as Headers,
      record: readInit({ headers: record }).headers,
      pairs: readInit({ headers: pairs }).headers,
      bytes: readInit({ body: bytes.subarray(1) }).body,
      buffer: readInit({ body: bytes.buffer }).body as ArrayBuffer,
      params: readInit({ body: params }).body,
      form: readInit({ body: form }).body as FormData,
    };
    headers.set('a', '2');
    record.a = '2';
    (pairs[0] as string[])[1] = '2';
    bytes.fill(9);
    params.set('a', '2');
    form.set('a', '2');
    expect(kept.headers.get('a')).to.equal('1');
    expect(kept.record).to.deep.equal({ a: '1' });
    expect(kept.pairs).to.deep.equal([['a', '1']]);
    expect(kept.bytes).to.deep.equal(new Uint8Array([2, 3]));
    expect(new Uint8Array(kept.buffer)).to.deep.equal(new Uint8Array([1, 2, 3]));
    expect(String(kept.params)).to.equal('a=1');
    expect(kept.form.get('a')).to.equal('1');
    const file = kept.form.get('f') as File;
    expect([file.name, file.type, await file.text()]).to.deep.equal(['name.txt', 'text/plain', 'x']);
  });

  it('may have headers that can be read only once', () => {
    function* once(): Generator<[string, string]> {
      yield ['a', '1'];
      yield ['Idempotency-Key', 'k'];
    }
    const init = readInit({ headers: once() });
    expect(init.headers).to.deep.equal([
      ['a', '1'],
      ['Idempotency-Key', 'k'],
    ]);
    expect(isIdempotent('http://orders/', { ...init, method: 'POST' })).to.equal(true);
  });

  for (const [idempotent, methods] of [
    [true, [undefined, 'GET', 'get', 'HEAD', 'OPTIONS', 'PUT', 'Put', 'DELETE', 'delete']],
    [false, ['POST', 'post', 'PATCH', 'patch', 'QUERY', 'trace', 'Whatever']],
  ] as const) {
    for (const method of methods) {
      it(`${method ?? 'no method'} is ${idempotent ? '' : 'not '}idempotent`, () => {
        expect(isIdempotent('http://orders/', readInit({ method }))).to.equal(idempotent);
      });
    }
  }

  it('says by an Idempotency-Key, in any form, that it may be sent again', () => {
    const forms = [
      { 'Idempotency-Key': 'k' },
      { 'idempotency-key': 'k' },
      new Headers({ 'IDEMPOTENCY-KEY': 'k' }),
      [['Idempotency-Key', 'k']],
      new Map([['Idempotency-Key', 'k']]),
    ];
    for (const headers of forms) {
      expect(isIdempotent('http://orders/', readInit({ method: 'POST', headers }))).to.equal(true);
    }
    const request = new Request('http://orders/', { method: 'POST', headers: { 'Idempotency-Key': 'k' } });
    expect(isIdempotent(request, {})).to.equal(true);
    expect(isIdempotent(request, { headers: {} })).to.equal(false);
    expect(isIdempotent('http://orders/', readInit({ method: 'POST', headers: { 'x-key': 'k' } }))).to.equal(
      false,
    );
  });

  it('has a body that can be sent again, or not', () => {
    const again = [
      undefined,
      null,
      'text',
      7,
      new ArrayBuffer(1),
      Buffer.from('x'),
      new DataView(new ArrayBuffer(1)),
      new URLSearchParams(),
      new FormData(),
      new Blob([]),
      new File([], 'x'),
    ];
    const once = [
      new ReadableStream(),
      (async function* () {})(),
      [Buffer.from('x')][Symbol.iterator](),
      { toString: () => 'x' },
    ];
    for (const body of again) expect(isReplayable(body)).to.equal(true);
    for (const body of once) expect(isReplayable(body)).to.equal(false);
  });
});
