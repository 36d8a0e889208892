import { getEventListeners } from 'node:events';
import { PassThrough } from 'node:stream';
import { gzipSync } from 'node:zlib';
import type { RegistryAnswer, RegistryClient } from '@crowfly/http';
import { expect } from 'chai';
import { Answer, type Head } from '../../dist/registry-client/answer.js';
import { Exchanges } from '../../dist/registry-client/exchange.js';
import type { Plan } from '../../dist/registry-client/plan.js';
import { liveBytes } from './support/collect.ts';
import { failure, KINDS, never, Rig, until } from './support/rig.ts';

describe('a registry client', () => {
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig();
  });
  afterEach(() => rig.close());

  for (const kind of KINDS) {
    describe(`over ${kind}`, () => {
      const get = (client: RegistryClient, path = '/', signal = never): Promise<RegistryAnswer> =>
        client.request({ path, signal });

      it('sends what it is told, with the credentials of the moment, and asks for no compression', async () => {
        let token = 0;
        const client = await rig.client(
          kind,
          (request, response) => {
            request.setEncoding('utf8');
            let body = '';
            request.on('data', (part) => {
              body += part;
            });
            request.on('end', () => {
              const { method, url, headers } = request;
              response.setHeader('x-Seen', 'yes');
              response.statusCode = 201;
              response.end(
                JSON.stringify({
                  method,
                  url,
                  body,
                  token: headers['x-token'],
                  own: headers['x-own'],
                  encoding: headers['accept-encoding'],
                  length: headers['content-length'],
                }),
              );
            });
          },
          { headers: async () => ({ 'X-Token': `t${++token}` }) },
        );
        const put = {
          path: '/a?b=c%20d',
          signal: never,
          method: 'PUT',
          headers: { 'x-own': 'é' },
          body: 'zwölf',
        };
        const answer = await client.request({ ...put, headers: { 'x-own': 'mine' } });
        expect(answer.status).to.equal(201);
        expect(answer.headers['x-seen']).to.equal('yes');
        expect(answer.multiplexed).to.equal(kind === 'HTTP/2');
        expect(await answer.json()).to.deep.equal({
          method: 'PUT',
          url: '/a?b=c%20d',
          body: 'zwölf',
          token: 't1',
          own: 'mine',
          encoding: 'identity',
          length: '6',
        });
        const second = (await (await get(client)).json()) as { token: string };
        expect(second.token).to.equal('t2');
      });

      it('hands over a redirect as it is', async () => {
        let requests = 0;
        const client = await rig.client(kind, (_request, response) => {
          requests++;
          response.writeHead(302, { location: '/elsewhere' });
          response.end();
        });
        const answer = await get(client);
        expect([answer.status, answer.headers.location, await answer.text()]).to.deep.equal([
          302,
          '/elsewhere',
          '',
        ]);
        expect(requests).to.equal(1);
      });

      it('reads characters that are split between chunks, and a byte order mark before JSON', async () => {
        const bytes = Buffer.from('\ufeff{"name":"größer 🐦"}');
        const client = await rig.client(kind, (_request, response) => {
          const send = (at: number): void => {
            if (at === bytes.length) return void response.end();
            response.write(bytes.subarray(at, at + 1));
            setImmediate(send, at + 1);
          };
          send(0);
        });
        expect(await (await get(client)).json()).to.deep.equal({ name: 'größer 🐦' });
      });

      it('reads an answer without a body', async () => {
        const client = await rig.client(kind, (request, response) => {
          response.statusCode = request.url === '/204' ? 204 : 200;
          response.end();
        });
        for (const path of ['/204', '/200']) expect(await (await get(client, path)).text()).to.equal('');
        const head = await client.request({ path: '/', method: 'HEAD', signal: never });
        expect(await head.text()).to.equal('');
      });

      it('reads no more than it may', async () => {
        const client = await rig.client(
          kind,
          (request, response) => {
            if (request.url === '/announced') response.setHeader('content-length', '101');
            response.write('x'.repeat(100));
            response.end('y');
          },
          { maxBytes: 100 },
        );
        for (const path of ['/announced', '/streamed']) {
          const error = await failure(get(client, path).then((answer) => answer.text()));
          expect(error).to.have.property('code', 'bad-data');
          expect(error.message).to.match(
            /^https?:.* answered GET \/\w+ with more than the 100 bytes .*raise maxBytes/,
          );
          expect(await (await get(client, path)).text(101)).to.have.length(101);
        }
      });

      it('reads large bodies, at the pace of the one who takes them', async () => {
        const size = 24 * 1024 * 1024;
        const part = Buffer.alloc(64 * 1024, 'x');
        let written = 0;
        const client = await rig.client(kind, (_request, response) => {
          const more = (): void => {
            while (written < size) {
              written += part.length;
              if (!response.write(part)) return void response.once('drain', more);
            }
            response.end();
          };
          more();
        });
        let taken = 0;
        for await (const chunk of (await get(client)).chunks()) {
          if (taken === 0) {
            // Until the server meets the end of all buffers on the way, and a little longer.
            let before = -1;
            while (before !== written) {
              before = written;
              await new Promise((resolve) => setTimeout(resolve, 50));
            }
            expect(written).to.be.lessThan(size);
          }
          taken += chunk.length;
        }
        expect(taken).to.equal(size);
        written = 0;
        expect(await (await get(client)).text()).to.have.length(size);
      });

      it('takes a body that breaks off for an error, however it ends', async () => {
        const client = await rig.client(kind, (request, response) => {
          if (request.url === '/announced') response.setHeader('content-length', '100');
          response.write('{"half":');
          setImmediate(() => (request.url === '/reset' ? request.socket.destroy() : response.destroy()));
        });
        for (const path of ['/announced', '/streamed', '/reset']) {
          const error = await failure(get(client, path).then((answer) => answer.json()));
          expect(error, path).to.have.property('code', 'registry-failed');
          expect(error.message).to.match(
            /^the connection to https?:\S+ ended in the middle of the answer to GET \/\w+/,
          );
        }
      });

      it('says what came instead of JSON, without what it was sent', async () => {
        const secret = 'canary-0123456789';
        const bodies: Record<string, [type: string | undefined, body: string]> = {
          '/html': ['text/html; charset=utf-8', '<html>\n<title>Sign in to the proxy</title>'],
          '/empty': [undefined, ''],
          '/echo': ['text/plain', `you sent Bearer ${secret}`],
          '/cut': ['application/json', '{"a":'],
        };
        const client = await rig.client(
          kind,
          (request, response) => {
            const [type, body] = bodies[request.url ?? ''] as [string | undefined, string];
            if (type !== undefined) response.setHeader('content-type', type);
            response.end(body);
          },
          { headers: () => ({ authorization: `Bearer ${secret}` }) },
        );
        const said = async (path: string): Promise<string> => {
          const error = await failure(get(client, path).then((answer) => answer.json()));
          expect(error).to.have.property('code', 'bad-data');
          return error.message.replace(/^\S+/, '');
        };
        expect(await said('/html')).to.equal(
          " answered GET /html with 200 text/html; charset=utf-8, which is not JSON: '<html>\\u000a<title>Sign in to the proxy</title>'",
        );
        expect(await said('/empty')).to.equal(
          ' answered GET /empty with 200 without a content-type, which is not JSON: an empty body',
        );
        expect(await said('/echo')).to.match(/: 'you sent …'$/);
        expect(await said('/cut')).to.match(/200 application\/json, which is not JSON: '\{"a":'$/);
      });

      it('refuses a body that is compressed unasked, and still tells the status', async () => {
        const client = await rig.client(kind, (_request, response) => {
          response.writeHead(403, { 'content-encoding': 'gzip' });
          response.end(gzipSync('{}'));
        });
        const answer = await get(client);
        expect(answer.status).to.equal(403);
        const error = await failure(answer.json());
        expect(error).to.have.property('code', 'bad-data');
        expect(error.message).to.match(
          /answered GET \/ with content-encoding 'gzip', which was not asked for/,
        );
      });

      it('gives up when no head comes in time', async () => {
        let asked = 0;
        const client = await rig.client(kind, () => asked++, { answerMs: 300 });
        const first = failure(get(client, '/slow?secret=1'));
        await until(() => asked === 1);
        await rig.clock.advance(300);
        expect(await first).to.have.property('code', 'registry-failed');
        expect((await first).message).to.match(
          /^no answer from https?:\S+ to GET \/slow within 300 ms: is it overloaded\?$/,
        );
        const second = failure(client.request({ path: '/', signal: never, answerMs: 900 }));
        await until(() => asked === 2);
        await rig.clock.advance(899);
        await rig.clock.advance(1);
        expect((await second).message).to.include('within 900 ms');
      });

      it('gives up a body that is silent for too long, but no slow one', async () => {
        let write = (_: string): unknown => undefined;
        const client = await rig.client(kind, (_request, response) => {
          write = (text) => response.write(text);
          write('1');
        });
        const answer = await client.request({ path: '/', signal: never, silenceMs: 100 });
        let seen = '';
        const reading = failure(
          (async () => {
            for await (const chunk of answer.chunks()) seen += chunk;
          })(),
        );
        for (const digit of '2345') {
          await until(() => seen.endsWith(String(Number(digit) - 1)));
          await rig.clock.advance(80);
          write(digit);
        }
        await until(() => seen === '12345');
        await rig.clock.advance(100);
        expect(await reading).to.have.property('code', 'registry-failed');
        expect((await reading).message).to.match(
          / was silent for 100 ms in the middle of the answer to GET \//,
        );
      });

      for (const silenceMs of [0, Number.POSITIVE_INFINITY]) {
        it(`waits for ever with silenceMs ${silenceMs}`, async () => {
          let end = (): unknown => undefined;
          const client = await rig.client(
            kind,
            (_request, response) => {
              response.write('a');
              end = () => response.end('b');
            },
            { pingMs: 1e9 },
          );
          const answer = await client.request({ path: '/', signal: never, silenceMs });
          const text = answer.text();
          await rig.clock.advance(3_600_000);
          end();
          expect(await text).to.equal('ab');
        });
      }

      it('cancels a body that nobody begins to read', async () => {
        let closed = false;
        const client = await rig.client(
          kind,
          (_request, response) => {
            response.write('a');
            response.on('close', () => {
              closed = true;
            });
          },
          { answerMs: 700 },
        );
        const answer = await get(client);
        await rig.clock.advance(700);
        await until(() => closed);
        expect((await failure(answer.text())).message).to.match(
          /: nobody read the body of GET \/ within 700 ms$/,
        );
      });

      it('reads a body once', async () => {
        const client = await rig.client(kind, (_request, response) => void response.end('a'));
        const answer = await get(client);
        expect(await answer.text()).to.equal('a');
        expect(await failure(answer.text())).to.have.property('code', 'bad-request');
      });

      describe('when its signal aborts', () => {
        const reason = new Error('no longer wanted');

        it('sends nothing when it has aborted before', async () => {
          let asked = 0;
          const client = await rig.client(kind, () => asked++);
          expect(await failure(get(client, '/', AbortSignal.abort(reason)))).to.equal(reason);
          expect([asked, client.connections]).to.deep.equal([0, 0]);
        });

        it('rejects at once while it connects', async () => {
          const port = await rig.tcp(() => {});
          const origin = `${kind === 'http' ? 'http' : 'https'}://127.0.0.1:${port}`;
          const client = rig.to(origin, { http2: kind !== 'https' });
          const control = new AbortController();
          const asked = failure(get(client, '/', control.signal));
          await new Promise((resolve) => setTimeout(resolve, 20));
          control.abort(reason);
          expect(await asked).to.equal(reason);
          await until(() => client.connections === 0);
          expect(getEventListeners(control.signal, 'abort')).to.have.length(0);
        });

        it('rejects in whichever turn between its credentials and its sending, and leaves no request open', async () => {
          const open = new Set<unknown>();
          let turns = 0;
          let control = new AbortController();
          const abortSoon = async (): Promise<void> => {
            for (let turn = 0; turn < turns; turn++) await undefined;
            control.abort(reason);
          };
          const client = await rig.client(
            kind,
            (request, response) => {
              if (request.url === '/ready') return response.end();
              open.add(response);
              response.on('close', () => open.delete(response));
            },
            {
              headers: () => {
                if (turns >= 0) void abortSoon();
                return {};
              },
            },
          );
          for (let count = 0; count < 40; count++) {
            turns = -1;
            await (await get(client, '/ready')).text();
            turns = count;
            control = new AbortController();
            expect(await failure(get(client, '/', control.signal)), `after ${count} turns`).to.equal(reason);
          }
          await until(() => open.size === 0);
        });

        it('rejects at once while it waits for the head, and an answer after that harms nobody', async () => {
          let answer = (): unknown => undefined;
          let closed = 0;
          const client = await rig.client(kind, (_request, response) => {
            answer = () => response.end('late');
            response.on('close', () => closed++);
          });
          const control = new AbortController();
          const asked = failure(get(client, '/', control.signal));
          await until(() => String(answer).includes('late'));
          control.abort(reason);
          expect(await asked).to.equal(reason);
          answer();
          await until(() => closed === 1);
          expect(getEventListeners(control.signal, 'abort')).to.have.length(0);
        });

        for (const how of ['chunks', 'text', 'json'] as const) {
          it(`rejects at once while ${how}() waits, and frees the connection`, async () => {
            let closed = 0;
            const client = await rig.client(kind, (_request, response) => {
              response.write('[1,');
              response.on('close', () => closed++);
            });
            const control = new AbortController();
            const answer = await get(client, '/', control.signal);
            const read = async (): Promise<unknown> => {
              if (how !== 'chunks') return answer[how]();
              for await (const _ of answer.chunks()) setImmediate(() => control.abort(reason));
              return undefined;
            };
            const reading = failure(read());
            if (how !== 'chunks') setTimeout(() => control.abort(reason), 10);
            expect(await reading).to.equal(reason);
            await until(() => closed === 1);
            expect(getEventListeners(control.signal, 'abort')).to.have.length(0);
          });
        }

        it('rejects the next read when nobody waits', async () => {
          const client = await rig.client(kind, (_request, response) => void response.end('all'));
          const control = new AbortController();
          const answer = await get(client, '/', control.signal);
          control.abort(reason);
          expect(await failure(answer.text())).to.equal(reason);
        });
      });

      it('leaving the loop over chunks frees the connection', async () => {
        let closed = 0;
        const client = await rig.client(kind, (_request, response) => {
          response.write('a');
          response.on('close', () => closed++);
        });
        const control = new AbortController();
        for await (const _ of (await get(client, '/', control.signal)).chunks()) break;
        await until(() => closed === 1);
        expect(getEventListeners(control.signal, 'abort')).to.have.length(0);
      });

      it('close() ends requests, bodies and connections at once, and comes twice without harm', async () => {
        const client = await rig.client(kind, (request, response) => {
          if (request.url === '/body') response.write('a');
        });
        const reading = failure((await get(client, '/body')).text());
        const asked = failure(get(client));
        await new Promise((resolve) => setTimeout(resolve, 20));
        await Promise.all([client.close(), client.close()]);
        for (const error of [await reading, await asked, await failure(get(client))]) {
          expect(error).to.have.property('code', 'closed');
          expect(error.message).to.match(/^the client of https?:\S+ was closed$/);
        }
      });

      it('holds no more after thousands of requests than after a few', async function () {
        this.timeout(60_000);
        const client = await rig.client(kind, (_request, response) => void response.end('{"ok":true}'));
        const { signal } = new AbortController();
        const few = async (count: number): Promise<void> => {
          for (let n = 0; n < count; n += 10) {
            await Promise.all(
              Array.from({ length: 10 }, async () => (await get(client, '/', signal)).json()),
            );
          }
        };
        await few(200);
        const before = liveBytes();
        await few(process.env.CROWFLY_LONG ? 100_000 : 3_000);
        expect(getEventListeners(signal, 'abort')).to.have.length(0);
        expect(client.connections).to.be.at.most(10);
        expect(liveBytes() - before).to.be.lessThan(8 * 1024 * 1024);
      });
    });
  }

  it('refuses what no request may hold, before anything is sent', async () => {
    const client = rig.to(await rig.tcp(() => {}), { headers: () => ({ authorization: 'Bearer canary\n' }) });
    const error = await failure(client.request({ path: '/', signal: never }));
    expect(error).to.have.property('code', 'bad-request');
    expect(error.message).to.match(
      /cannot send GET \/: the value of the header 'authorization' has a line break or a character/,
    );
    expect(error.message).not.to.include('canary');
    const other = rig.to(await rig.tcp(() => {}));
    const refusals: [object, RegExp][] = [
      [{ path: 'v1' }, /cannot send GET v1: expected a method, and a path that begins with/],
      [{ path: '/a b' }, /percent-encoded/],
      [{ path: '/', method: 'GE T' }, /expected a method/],
      [{ path: '/', headers: { host: 'x' } }, /the header 'host' is set by the client itself/],
      [{ path: '/', headers: { 'a b': 'x' } }, /'a b' is no name for a header/],
      [{ path: '/', answerMs: 0 }, /request\.answerMs: expected milliseconds/],
      [{ path: '/', silenceMs: -1 }, /request\.silenceMs/],
      [{ path: '/', timeoutMs: 1 }, /request\.timeoutMs: there is no such option/],
    ];
    for (const [request, message] of refusals) {
      expect((await failure(other.request({ signal: never, ...request } as never))).message).to.match(
        message,
      );
    }
    expect(other.connections).to.equal(0);
  });

  it('passes on what the adapter throws while it reads its credentials or its files', async () => {
    const mine = new Error('no token file');
    const port = await rig.tcp(() => {});
    const credentials = rig.to(port, { headers: () => Promise.reject(mine) });
    expect(await failure(credentials.request({ path: '/', signal: never }))).to.equal(mine);
    for (const http2 of [true, false]) {
      const files = rig.to(port, {
        http2,
        connection: () => {
          throw mine;
        },
      });
      expect(await failure(files.request({ path: '/', signal: never }))).to.equal(mine);
    }
  });

  it('does not wait for ever for credentials', async () => {
    const client = rig.to(1, { headers: () => new Promise(() => {}), answerMs: 50 });
    const asked = failure(client.request({ path: '/', signal: never }));
    expect((await rig.passing(10, asked)).message).to.match(
      /^the headers for https:\S+ were not there within 50 ms/,
    );
  });

  for (const how of ['its signal', 'close()'] as const) {
    it(`leaves no time limit behind when ${how} ends a request that waits for credentials`, async () => {
      let client: RegistryClient | undefined;
      const ending = new AbortController();
      let asked: Promise<unknown> = Promise.resolve();
      await new Promise<void>((waiting) => {
        const headers = (): Promise<never> => {
          setImmediate(waiting);
          return new Promise(() => {});
        };
        client = rig.to(1, { headers });
        asked = failure(client.request({ path: '/', signal: ending.signal }));
      });
      expect(rig.clock.pending).to.equal(1);
      if (how === 'close()') await client?.close();
      else ending.abort();
      await asked;
      expect(rig.clock.pending).to.equal(0);
    });
  }

  it('leaves no timer when it is aborted between the head and its reader', async () => {
    const exchanges = new Exchanges();
    const exchange = exchanges.begin(new AbortController().signal);
    exchange.stop(new Error('enough'));
    const nothing = (): void => {};
    const hands = { discard: nothing, hold: nothing, release: nothing };
    const place = { origin: { name: 'http://registry' } };
    const head = { source: new PassThrough(), headers: {}, place, ...hands } as unknown as Head;
    const answer = new Answer(head, { answerMs: 1000 } as Plan, exchange, rig.clock, 1000);
    expect((await failure(answer.text())).message).to.equal('enough');
    expect(rig.clock.pending).to.equal(0);
  });

  it('takes an origin and nothing else', () => {
    const bad = [
      '10.0.0.1:80',
      'ftp://a',
      'https://user:canary@a',
      'https://a/b',
      'https://a/?b',
      'https://a#b',
      '',
    ];
    for (const origin of bad) {
      expect(() => rig.to(origin))
        .to.throw(/^createRegistryClient\.origin: expected/)
        .with.property('message')
        .that.does.not.include('canary');
    }
    expect(() => rig.to('http://a', { answerMS: 1 } as never)).to.throw(/did you mean 'answerMs'/);
  });
});
