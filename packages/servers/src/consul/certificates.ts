import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ServersError } from '../errors.js';

const run = promisify(execFile);

/** A private authority, a server's certificate for 127.0.0.1 and localhost, and one for clients. */
export interface Certificates {
  readonly caFile: string;
  readonly ca: string;
  readonly serverCertFile: string;
  readonly serverKeyFile: string;
  readonly clientCertFile: string;
  readonly clientKeyFile: string;
}

/** Made with the system's openssl, in `directory`. @throws ServersError `not-available` when there is none */
export async function createCertificates(directory: string, datacenter: string): Promise<Certificates> {
  const path = (name: string): string => join(directory, name);
  const openssl = async (...args: string[]): Promise<void> => {
    try {
      await run('openssl', args, { cwd: directory });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new ServersError('not-available', 'no openssl found: it makes the certificates of the tests');
    }
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl(
    ...['req', '-x509', ...key, '-days', '2', '-subj', '/CN=crowfly test authority'],
    ...['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ...['-keyout', 'tls-ca.key', '-out', 'tls-ca.crt'],
  );
  const sign = async (name: string, subject: string, extensions: string): Promise<void> => {
    await writeFile(path(`${name}.ext`), extensions);
    await openssl('req', '-new', ...key, '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    await openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'tls-ca.crt', '-CAkey', 'tls-ca.key'],
      ...['-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`, '-out', `${name}.crt`],
    );
  };
  const names = `DNS:localhost,DNS:server.${datacenter}.consul,IP:127.0.0.1`;
  await sign(
    'tls-server',
    `/CN=server.${datacenter}.consul`,
    `subjectAltName=${names}\nextendedKeyUsage=serverAuth,clientAuth\n`,
  );
  await sign('tls-client', '/CN=crowfly test client', 'extendedKeyUsage=clientAuth\n');
  return {
    caFile: path('tls-ca.crt'),
    ca: await readFile(path('tls-ca.crt'), 'utf8'),
    serverCertFile: path('tls-server.crt'),
    serverKeyFile: path('tls-server.key'),
    clientCertFile: path('tls-client.crt'),
    clientKeyFile: path('tls-client.key'),
  };
}
