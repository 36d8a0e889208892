import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const fixtures = new URL('../../http/test/fixtures/', import.meta.url);

describe('https by service name', () => {
  it('reaches an instance by its address, if it proves the name in the URL', async () => {
    const [cert, key] = ['orders.pem', 'orders-key.pem'].map((name) => readFileSync(new URL(name, fixtures)));
    const server = createServer({ cert, key }, (request, response) => response.end(request.headers.host));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    // The authority is trusted by the whole process, so it is one of its own.
    const source = `
      import { createEngine } from '@crowfly/core';
      import { createFetch } from '@crowfly/client-fetch';
      const endpoints = [{ id: 'a', host: '127.0.0.1', port: ${port}, protocol: 'https' }];
      const registry = () => ({ kind: 'test', id: 'test', supports: { unknown: false },
        locate: (target) => ({ key: target.host ?? target }),
        watch: (service, feed) => new Promise((resolve) => {
          feed.publish(endpoints);
          feed.signal.addEventListener('abort', resolve);
        }) });
      const engine = createEngine(() => ({ update() {}, pick() {} }), { registry, logger: false });
      const fetch = createFetch(engine);
      const text = async (url) => (await fetch(url)).text();
      const failure = (error) => [error.code, error.cause.cause.code];
      console.log(JSON.stringify([
        await text('https://orders/'), await text('http://orders/'), await text('https://orders:8443/'),
        await text('https://payments/').catch(failure), await text('http://payments/').catch(failure),
      ]));
      await engine.close();`;
    try {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--input-type=module', '--eval', source],
        {
          cwd: import.meta.dirname,
          env: { ...process.env, NODE_EXTRA_CA_CERTS: fileURLToPath(new URL('ca.pem', fixtures)) },
          timeout: 15_000,
        },
      );
      const refused = ['call-failed', 'ERR_TLS_CERT_ALTNAME_INVALID'];
      expect(JSON.parse(stdout)).to.deep.equal(['orders', 'orders', 'orders:8443', refused, refused]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
