import { createServer } from 'node:tls';
import { inspect } from 'node:util';
import type { ConnectionOptions, RegistryClientOptions } from '@crowfly/http';
import { expect } from 'chai';
import { failure, fixture, never, Rig } from './support/rig.ts';

describe('what a registry client says when it cannot connect', () => {
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig();
  });
  afterEach(() => rig.close());

  const ca = fixture('registries-ca.pem');
  const own = { cert: fixture('adapter.pem'), key: fixture('adapter-key.pem') };
  const ok = (_request: unknown, response: { end(): unknown }): unknown => response.end();

  async function said(
    to: number | string,
    connection: ConnectionOptions = { ca },
    options: Partial<RegistryClientOptions> = {},
  ): Promise<string> {
    const client = rig.to(to, { connection: () => connection, ...options });
    const error = await rig.passing(100, failure(client.request({ path: '/x', signal: never })));
    expect(error, error.stack).to.have.property('code', 'registry-failed');
    expect(error.message).not.to.match(/[\n\r]/);
    return error.message.replaceAll(/127\.0\.0\.1:\d+/g, 'HOST');
  }

  const closedPort = async (): Promise<number> => {
    const port = await rig.tcp(() => {});
    await rig.stopServers();
    return port;
  };

  for (const http2 of [false, true]) {
    describe(http2 ? 'with HTTP/2' : 'with HTTP/1.1', () => {
      const kind = http2 ? 'HTTP/2' : 'https';

      it('nobody listens', async () => {
        expect(await said(await closedPort(), { ca }, { http2 })).to.equal(
          'nothing listens at https://HOST: is the address right, and is it running?',
        );
      });

      it('the name is unknown', async () => {
        const message = await said('https://no-such-host.invalid', { ca }, { http2 });
        expect(message).to.match(
          /^the host of https:\/\/no-such-host\.invalid cannot be found in DNS \(E\w+\): is the name right\?$/,
        );
      });

      it('the connection takes too long', async () => {
        const port = await rig.tcp(() => {});
        expect(await said(port, { ca }, { http2, connectMs: 200 })).to.equal(
          'no connection to https://HOST within 200 ms (connectMs): is the address right, and is it reachable from here?',
        );
      });

      it('its authority is not the one given, or none is', async () => {
        const port = await rig.serve(kind, ok);
        const message =
          /^the certificate of https:\/\/HOST is signed by an unknown authority \(\w+\): trust that authority's certificate$/;
        expect(await said(port, {}, { http2 })).to.match(message);
        expect(await said(port, { ca: fixture('ca.pem') }, { http2 })).to.match(message);
      });

      it('the certificate is for another name', async () => {
        const port = await rig.serve(kind, ok);
        expect(await said(port, { ca, servername: 'elsewhere' }, { http2 })).to.match(
          /^the certificate of https:\/\/HOST is for another name: Host: elsewhere\. is not in the cert's altnames: .*, or set servername$/,
        );
        expect(await said(port, { ca, servername: '10.9.8.7' }, { http2 })).to.match(
          /is for another name: IP: 10\.9\.8\.7/,
        );
      });

      it('the certificate has expired', async () => {
        const port = await rig.serve(kind, ok, {
          cert: fixture('registry-expired.pem'),
          key: fixture('registry-expired-key.pem'),
        });
        expect(await said(port, { ca }, { http2 })).to.match(
          /^the certificate of https:\/\/HOST, or of its authority, has expired/,
        );
      });

      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        it(`a client certificate is required, or another one, with ${version}`, async () => {
          const port = await rig.serve(kind, ok, {
            requestCert: true,
            rejectUnauthorized: true,
            ca,
            maxVersion: version,
          });
          // Some servers send the alert and others just close, which may also overtake the alert.
          expect(await said(port, { ca }, { http2 })).to.match(
            /client certificate|closed (the|a new) connection|ended the TLS handshake/,
          );
          const client = rig.to(port, { connection: () => ({ ca, ...own }), http2 });
          expect((await client.request({ path: '/', signal: never })).status).to.equal(200);
        });
      }

      it('http is spoken there', async () => {
        const origin = (await rig.serve('http', ok)) as string;
        expect(await said(origin.replace('http:', 'https:'), { ca }, { http2 })).to.match(
          /^https:\/\/HOST does not speak TLS \(\w+\): is it http:\/\/ rather than https:\/\/\?$/,
        );
      });

      it('the connection is closed during the TLS handshake', async () => {
        const port = await rig.tcp((socket) => socket.once('data', () => socket.destroy()));
        expect(await said(port, { ca }, { http2 })).to.match(
          /^https:\/\/HOST closed the connection during the TLS handshake/,
        );
      });

      it('the TLS material is damaged', async () => {
        const port = await rig.serve(kind, ok);
        for (const damaged of [
          { cert: 'x', key: 'canary' },
          { cert: own.cert, key: fixture('registry-key.pem') },
        ]) {
          const message = await said(port, { ca, ...damaged }, { http2 });
          expect(message).to.match(
            /^the TLS material for https:\/\/HOST cannot be used: .*: check ca, cert, key, passphrase and pfx$/,
          );
          expect(message).not.to.include('canary');
        }
      });
    });
  }

  it('https is spoken there', async () => {
    const tls = createServer({ cert: fixture('registry.pem'), key: fixture('registry-key.pem') }, () => {});
    const port = await rig.listen(tls);
    expect(await said(`http://127.0.0.1:${port}`)).to.match(
      /^http:\/\/HOST (speaks TLS|closed the connection)/,
    );
    const alerting = await rig.tcp((socket) =>
      socket.once('data', () => socket.end(Buffer.from('15030300020246', 'hex'))),
    );
    expect(await said(`http://127.0.0.1:${alerting}`)).to.equal(
      'http://HOST speaks TLS: is it https:// rather than http://?',
    );
  });

  it('something else is spoken there', async () => {
    const port = await rig.tcp((socket) => void socket.end('220 mail.example ESMTP\r\n'));
    expect(await said(`http://127.0.0.1:${port}`)).to.match(
      /^http:\/\/HOST answered GET \/x in something that is not HTTP\/1\.1 \(HPE_\w+\): is the port right\?$/,
    );
  });

  it('HTTP/2 only is spoken there', async () => {
    expect(await said(await rig.serve('HTTP/2', ok))).to.equal(
      'https://HOST speaks no HTTP/1.1: does it speak HTTP/2 only?',
    );
  });

  it('an option of a connection is misspelt', async () => {
    const client = rig.to(await closedPort(), { connection: () => ({ CA: 'x' }) as never });
    const error = await failure(client.request({ path: '/', signal: never }));
    expect(error.message).to.match(/^connection\(\)\.CA: there is no such option; did you mean 'ca'\?$/);
  });

  it('an error shows no credential, however it is printed', async () => {
    const secrets = { authorization: 'Bearer canary-1', 'x-consul-token': 'canary-2' };
    const connection = { ...own, ca, passphrase: 'canary-3' };
    const key = own.key.toString().split('\n')[1] as string;
    const targets: (string | number)[] = [
      await rig.serve('https', (request) => request.socket.destroy()),
      await rig.serve('http', (request) => request.socket.destroy()),
      await rig.serve('https', ok, { requestCert: true, ca: fixture('ca.pem') }),
      await rig.serve(
        'https',
        (request, response) => void response.end(JSON.stringify(request.headers).slice(1)),
      ),
      await rig.tcp((socket) => void socket.end('no')),
      `http://127.0.0.1:${await rig.tcp((socket) => socket.on('data', (data) => socket.end(data)))}`,
    ];
    for (const target of targets) {
      for (const http2 of [false, true]) {
        const client = rig.to(target, { connection: () => connection, headers: () => secrets, http2 });
        const error = await failure(
          client.request({ path: '/', signal: never }).then((answer) => answer.json()),
        );
        const shown = `${error.stack}${JSON.stringify(error)}${inspect(error, { depth: 20, showHidden: true })}`;
        expect(shown).not.to.match(/canary/);
        expect(shown).not.to.include(key);
      }
    }
  });
});
