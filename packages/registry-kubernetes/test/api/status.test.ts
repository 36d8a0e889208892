import { isCrowflyError } from '@crowfly/core';
import { expect } from 'chai';
import { Busy, Expired, grant, refusal, type Subject, streamError } from '../../dist/api/status.js';
import { forbidden, type Reply, statusOf } from '../support/replies.ts';

const subject: Subject = {
  verb: 'list',
  resource: 'endpointslices',
  namespace: 'shop',
  note: '',
  credentials: 'the token in /var/run/token',
  origin: 'https://10.0.0.1:6443',
};

const said = ({ status, body, headers }: Reply, about: Partial<Subject> = {}): Error & { code?: string } =>
  refusal({ ...subject, ...about }, status, body, headers);

describe('what the API server refuses', () => {
  it('401: whose credentials, and what may be wrong with them', () => {
    const error = said(statusOf(401, 'Unauthorized', 'Unauthorized'));
    expect(error.code).to.equal('denied');
    expect(error.message).to.equal(
      "https://10.0.0.1:6443 does not accept the token in /var/run/token (401, when asked to list endpointslices in namespace 'shop'): it has expired, was revoked, or is of another cluster",
    );
  });

  it('without credentials: that there are none, and not whom to grant rights', () => {
    for (const [reply, words] of [
      [
        statusOf(401, 'Unauthorized', 'Unauthorized'),
        /wants to know who asks \(401, .*no credentials: pass a tokenFile$/,
      ],
      [
        forbidden('list', 'endpointslices', 'shop'),
        /\(403, .*\), and no credentials were sent: pass a tokenFile$/,
      ],
    ] as const) {
      const error = said(reply, { credentials: undefined });
      expect(error.code).to.equal('denied');
      expect(error.message).to.match(words).and.not.include('Role');
    }
  });

  it('403 in a namespace that nobody asked for: how to say which', () => {
    const note = ' (nothing says which namespace is meant: pass { namespace })';
    expect(said(forbidden('list', 'endpointslices', 'default'), { note }).message).to.include(note);
  });

  it('400 over http: that it may be https', () => {
    const origin = 'http://10.0.0.1:6443';
    expect(said({ status: 400, body: undefined }, { origin }).message).to.match(/does it speak https\?$/);
  });

  it('403: the verb, the resource, the namespace, the account, and the line of a manifest', () => {
    const error = said(forbidden('list', 'endpointslices', 'shop'));
    expect(error.code).to.equal('denied');
    expect(error.message).to.equal(
      "https://10.0.0.1:6443 does not let us list endpointslices in namespace 'shop' (403, system:serviceaccount:shop:web): it takes a Role in 'shop' (or a ClusterRole) with { apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch] }, bound to this account; the package's manifests have it",
    );
    expect(said({ status: 403, body: '<html>' }).message).to.include("in namespace 'shop' (403): it takes");
  });

  it('grants what was asked for', () => {
    expect(grant({ verb: 'get', resource: 'services', namespace: 'shop' })).to.include(
      '{ apiGroups: [""], resources: [services], verbs: [get] }',
    );
    expect(grant({ verb: 'watch', resource: 'endpoints', namespace: 'shop' })).to.include(
      '{ apiGroups: [""], resources: [endpoints], verbs: [get, list, watch] }',
    );
    expect(grant({ verb: 'get', resource: 'namespaces', namespace: 'shop' })).to.match(
      /^it takes a ClusterRole with/,
    );
  });

  it('404: a cluster that is too old', () => {
    expect(said(statusOf(404, 'NotFound', 'not here')).message).to.match(
      /answered 404 .*: not here: this API server has no such resource; before Kubernetes 1\.21 use kubernetes\(\{ api: 'endpoints' \}\)$/,
    );
    expect(said(statusOf(404, 'NotFound', 'x'), { resource: 'endpoints' }).message).not.to.include('1.21');
  });

  it('a redirect, a failure', () => {
    expect(said({ status: 302 }).message).to.match(
      /answered 302 .*: a redirect; is this the address of an API server\?$/,
    );
    const failed = said(statusOf(500, 'InternalError', 'a\nb'));
    expect([failed.code, failed.message]).to.deep.equal([
      'registry-failed',
      "https://10.0.0.1:6443 answered 500 when asked to list endpointslices in namespace 'shop': a\\u000ab",
    ]);
    expect(said(statusOf(503, '', 'x'.repeat(10_000))).message.length).to.be.below(500);
  });

  for (const [what, reply] of Object.entries({
    '410': statusOf(410, 'Expired', 'x'),
    'a 410 without words': { status: 410 },
    'the reason Expired': statusOf(400, 'Expired', 'x'),
    'the reason Gone': statusOf(400, 'Gone', 'x'),
    'a cause': statusOf(504, 'Timeout', 'x', { causes: [null, 7, { reason: 'ResourceVersionTooLarge' }] }),
    'the words of older servers': statusOf(504, 'Timeout', 'Too large resource version: 9, current: 1'),
  } satisfies Record<string, Reply>)) {
    it(`${what}: list anew`, () => expect(said(reply)).to.be.an.instanceOf(Expired));
  }

  for (const [what, reply, ms] of [
    ['429', statusOf(429, 'TooManyRequests', 'x'), 1_000],
    ['429 with Retry-After', { ...statusOf(429, '', 'x'), headers: { 'retry-after': '7' } }, 7_000],
    ['429 with Retry-After: 0', { ...statusOf(429, '', 'x'), headers: { 'retry-after': '0' } }, 0],
    ['429 that asks for an hour', { ...statusOf(429, '', 'x'), headers: { 'retry-after': '3600' } }, 30_000],
    ['429 with a wait in its body', statusOf(429, '', 'x', { retryAfterSeconds: 3 }), 3_000],
    [
      '429 with nonsense',
      { ...statusOf(429, '', 'x', { retryAfterSeconds: -3 }), headers: { 'retry-after': 'soon' } },
      1_000,
    ],
    ['the reason TooManyRequests', statusOf(503, 'TooManyRequests', 'x'), 1_000],
  ] as const) {
    it(`${what}: come later`, () => {
      const error = said(reply);
      expect(error).to.be.an.instanceOf(Busy);
      expect((error as Busy).afterMs).to.equal(ms);
    });
  }

  it('reads any body', () => {
    for (const body of [
      null,
      undefined,
      7,
      'x',
      [],
      { details: null },
      { details: 7 },
      { details: { causes: {} } },
      { message: {}, reason: [] },
      JSON.parse('{"__proto__":{"reason":"Expired"}}'),
    ])
      expect(isCrowflyError(refusal(subject, 500, body), 'registry-failed')).to.equal(true);
  });

  it('reads events of a watch the same way', () => {
    expect(streamError(subject, statusOf(410, 'Expired', 'x').body)).to.be.an.instanceOf(Expired);
    expect(isCrowflyError(streamError(subject, statusOf(403, 'Forbidden', 'x').body), 'denied')).to.equal(
      true,
    );
    for (const object of [null, undefined, {}, { code: '410' }])
      expect(streamError(subject, object).message).to.include('answered 500');
  });
});
