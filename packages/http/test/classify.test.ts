import { get as httpGet, request as httpRequest } from 'node:http';
import { get as httpsGet } from 'node:https';
import { CrowflyError, type Endpoint, type Failure } from '@crowfly/core';
import { classifyError, openPools, type Pools } from '@crowfly/http';
import { expect } from 'chai';
import fc from 'fast-check';
// Not exported by the package: only its own connectors know when there was no connection.
import { classifyError as classify, markNotSent } from '../dist/classify.js';
import { send } from './support/send.ts';
import { authority, Owner, Servers } from './support/servers.ts';

const coded = (code: string, extra: object = {}): Error => Object.assign(new Error(code), { code }, extra);

describe('classifyError', () => {
  describe('by what is known of the error', () => {
    const table: Record<Failure, unknown[]> = {
      'not-sent': [
        coded('ECONNREFUSED'),
        coded('EHOSTUNREACH'),
        coded('ENETUNREACH'),
        coded('ENOTFOUND'),
        coded('EAI_AGAIN'),
        coded('ETIMEDOUT', { syscall: 'connect' }),
        coded('UND_ERR_CONNECT_TIMEOUT'),
        coded('ERR_TLS_CERT_ALTNAME_INVALID'),
        coded('CERT_HAS_EXPIRED'),
        coded('DEPTH_ZERO_SELF_SIGNED_CERT'),
        coded('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
        coded('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'),
        coded('ERR_SSL_WRONG_VERSION_NUMBER'),
        coded('EPROTO'),
        new TypeError('fetch failed', { cause: coded('ECONNREFUSED') }),
        new AggregateError([coded('ECONNREFUSED'), coded('ETIMEDOUT', { syscall: 'connect' })]),
        Object.assign(new AggregateError([coded('ECONNREFUSED'), coded('ENETUNREACH')]), {
          code: 'ECONNREFUSED',
        }),
        markNotSent(coded('ECONNRESET')),
        new TypeError('fetch failed', { cause: markNotSent(coded('ETIMEDOUT')) }),
      ],
      'no-answer': [
        coded('ECONNRESET'),
        coded('EPIPE'),
        coded('ETIMEDOUT', { syscall: 'read' }),
        coded('UND_ERR_SOCKET'),
        coded('UND_ERR_DESTROYED'),
        coded('HPE_HEADER_OVERFLOW'),
        coded('Z_DATA_ERROR'),
        coded('UND_ERR_HEADERS_OVERFLOW'),
        coded('UND_ERR_RES_EXCEEDED_MAX_SIZE'),
        coded('ERR_ASSERTION'),
        coded('ERR_STREAM_DESTROYED'),
        coded('ERR_STREAM_PREMATURE_CLOSE'),
        coded('HPE_INVALID_CONSTANT'),
        coded('ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC'),
        coded('EWHATEVER'),
        coded('UND_ERR_OF_TOMORROW'),
        new TypeError('fetch failed', { cause: coded('UND_ERR_SOCKET', { cause: coded('ENOTFOUND') }) }),
        new AggregateError([coded('ECONNREFUSED'), coded('ECONNRESET')]),
      ],
      'timed-out': [
        new DOMException('late', 'TimeoutError'),
        new TypeError('fetch failed', { cause: new DOMException('late', 'TimeoutError') }),
        new CrowflyError('timeout', 'late'),
        coded('UND_ERR_HEADERS_TIMEOUT'),
      ],
      canceled: [
        new DOMException('enough', 'AbortError'),
        coded('UND_ERR_ABORTED'),
        coded('ABORT_ERR'),
        new TypeError('fetch failed', { cause: new DOMException('enough', 'AbortError') }),
      ],
      fatal: [
        coded('ERR_INVALID_CHAR'),
        coded('ERR_BAD_RESPONSE'),
        coded('ERR_HTTP_INVALID_HEADER_VALUE'),
        coded('UND_ERR_INVALID_ARG'),
        coded('UND_ERR_REQ_CONTENT_LENGTH_MISMATCH'),
        coded('EMFILE'),
        markNotSent(coded('EMFILE')),
        new TypeError('fetch failed', { cause: new Error('unexpected redirect') }),
        new CrowflyError('closed', 'closed'),
        new TypeError('x is not a function'),
        new AggregateError([]),
        undefined,
        null,
        'text',
        7,
      ],
    };
    for (const [failure, errors] of Object.entries(table)) {
      for (const error of errors) {
        const cause = (error as { cause?: { message?: string } } | undefined)?.cause;
        it(`${failure}: ${String(error)}${cause ? ` because of ${cause.message}` : ''}`, () => {
          expect(classify(error)).to.equal(failure);
        });
      }
    }

    it('never throws, whatever is thrown', () => {
      fc.assert(
        fc.property(fc.anything(), (thrown) => {
          expect(classifyError(thrown)).to.be.a('string');
        }),
      );
      const loop: { cause?: unknown } = {};
      loop.cause = loop;
      expect(classifyError(loop)).to.equal('fatal');
    });
  });

  describe('by what really happens', () => {
    const servers = new Servers();
    const owner = new Owner();
    let pools: Pools;
    before(async () => {
      pools = await openPools(owner.engine);
    });
    after(async () => {
      await owner.close();
      await servers.close();
    });

    type Client = (endpoint: Endpoint, scheme: 'http' | 'https') => Promise<unknown>;
    const clients: Record<string, Client> = {
      'the pools': (endpoint, scheme) => send(pools, endpoint, { scheme }),
      'the built-in fetch': (endpoint, scheme) => fetch(`${scheme}://${endpoint.host}:${endpoint.port}/`),
      'node:http': ({ host, port }, scheme) =>
        new Promise((resolve, reject) => {
          const options = { host, port, agent: false as const };
          const request = scheme === 'https' ? httpsGet({ ...options, ca: authority }) : httpGet(options);
          request.on('response', (response) => resolve(response.resume())).on('error', reject);
        }),
    };

    interface Case {
      it: string;
      open(): Promise<Endpoint>;
      scheme?: 'https';
      is: Failure;
      /** For clients whose connector does not say that there was no connection yet. */
      unmarked?: Failure;
    }
    const cases: Case[] = [
      { it: 'nobody listens', open: () => servers.refused(), is: 'not-sent' },
      {
        it: 'the name does not exist',
        open: async () => ({ id: 'x', host: 'nothing.invalid', port: 80 }),
        is: 'not-sent',
      },
      {
        it: 'a reset instead of an answer',
        open: () => servers.raw((socket) => socket.once('data', () => socket.resetAndDestroy())),
        is: 'no-answer',
      },
      {
        it: 'the connection is closed without an answer',
        open: () => servers.raw((socket) => socket.once('data', () => socket.end())),
        is: 'no-answer',
      },
      {
        it: 'half a head, then the end',
        open: () => servers.raw((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncont'))),
        is: 'no-answer',
      },
      {
        it: 'half a head, then a reset',
        open: () =>
          servers.raw((socket) =>
            socket.once('data', () =>
              socket.write('HTTP/1.1 200 OK\r\ncont', () => socket.resetAndDestroy()),
            ),
          ),
        is: 'no-answer',
      },
      {
        it: 'something that is not HTTP',
        open: () =>
          servers.raw((socket) => socket.once('data', () => socket.end('220 mail.example ESMTP\r\n'))),
        is: 'no-answer',
      },
      {
        it: 'a head that is too large',
        open: () =>
          servers.http((_request, response) => void response.setHeader('x', 'x'.repeat(40_000)).end()),
        is: 'no-answer',
      },
      {
        it: 'TLS is spoken to a server without it',
        open: () => servers.http((_request, response) => response.end()),
        scheme: 'https',
        is: 'not-sent',
      },
      {
        it: 'the server ends the TLS handshake',
        open: () => servers.raw((socket) => socket.once('data', () => socket.end())),
        scheme: 'https',
        is: 'not-sent',
      },
      {
        it: 'the server resets the TLS handshake',
        open: () => servers.raw((socket) => socket.once('data', () => socket.resetAndDestroy())),
        scheme: 'https',
        is: 'not-sent',
        unmarked: 'no-answer',
      },
      {
        it: 'the certificate is for somebody else, or of nobody we trust',
        open: () => servers.https('orders', (_request, response) => response.end()),
        scheme: 'https',
        is: 'not-sent',
      },
    ];
    for (const { it: what, open, scheme = 'http', unmarked, ...rest } of cases) {
      for (const [name, client] of Object.entries(clients)) {
        const is = name === 'the pools' ? rest.is : (unmarked ?? rest.is);
        it(`${is} for ${name} when ${what}`, async () => {
          const endpoint = await open();
          const error = await client(endpoint, scheme).then(
            () => 'an answer',
            (reason) => reason,
          );
          expect(classifyError(error), String(error?.cause ?? error)).to.equal(is);
        });
      }
    }

    it('not-sent when TLS is not established in time', async () => {
      const endpoint = await servers.raw(() => {});
      const error = await send(pools, endpoint, { scheme: 'https', connectMs: 30 }).catch((reason) => reason);
      expect(error).to.have.property('code', 'UND_ERR_CONNECT_TIMEOUT');
      expect(error.message).to.equal(`no connection to 127.0.0.1:${endpoint.port} within 30 ms`);
      expect(classifyError(error)).to.equal('not-sent');
    });

    it('canceled and timed-out by the kind of signal', async () => {
      const silent = await servers.http(() => {});
      const url = `http://127.0.0.1:${silent.port}/`;
      const controller = new AbortController();
      const canceled = fetch(url, { signal: controller.signal }).catch((reason) => reason);
      controller.abort();
      expect(classifyError(await canceled)).to.equal('canceled');
      const late = await fetch(url, { signal: AbortSignal.timeout(5) }).catch((reason) => reason);
      expect(classifyError(late)).to.equal('timed-out');
    });

    it('fatal when the request itself is wrong', async () => {
      const { port } = await servers.http((_request, response) => response.end());
      const url = `http://127.0.0.1:${port}/`;
      const wrong: (() => unknown)[] = [
        () => fetch(url, { headers: { 'x-bad': 'a\nb' } }),
        () => fetch(url, { method: 'NO GOOD' }),
        () => fetch(url, { method: 'GET', body: 'x' }),
        () => httpRequest(url, { headers: { 'x-bad': 'a\nb' } }),
        () => httpRequest(url, { method: 'NO GOOD' }),
        () => send(pools, { id: 'x', host: '127.0.0.1', port }, { headers: { 'x-bad': 'a\nb' } }),
        () => send(pools, { id: 'x', host: '127.0.0.1', port }, { method: 'NO GOOD' as 'GET' }),
        () => send(pools, { id: 'x', host: '127.0.0.1', port }, { headers: { expect: '100-continue' } }),
      ];
      for (const [index, start] of wrong.entries()) {
        const error = await (async () => start())().then(
          () => 'an answer',
          (reason) => reason,
        );
        expect(classifyError(error), `case ${index}: ${error}`).to.equal('fatal');
      }
    });
  });
});
