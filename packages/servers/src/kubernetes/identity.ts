import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Keys of the cluster and its administrator's token, as files in the cluster's folder. */
export interface Identity {
  readonly adminToken: string;
  readonly tokenFile: string;
  readonly signingKey: string;
  readonly publicKey: string;
}

export async function createIdentity(directory: string): Promise<Identity> {
  const pair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const identity = {
    adminToken: randomBytes(24).toString('hex'),
    tokenFile: join(directory, 'tokens.csv'),
    signingKey: join(directory, 'service-accounts.key'),
    publicKey: join(directory, 'service-accounts.pub'),
  };
  await writeSecret(identity.tokenFile, `${identity.adminToken},admin,admin,"system:masters"\n`);
  await writeSecret(identity.signingKey, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
  await writeSecret(identity.publicKey, pair.publicKey.export({ type: 'spki', format: 'pem' }) as string);
  return identity;
}

/** The API server signs a certificate for itself, for 127.0.0.1 too, and puts that of its authority behind it. */
export async function extractCa(certificates: string, caFile: string): Promise<string> {
  const chain = await readFile(join(certificates, 'apiserver.crt'), 'utf8');
  const ca = chain.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g)?.at(-1) ?? '';
  await writeFile(caFile, ca);
  return ca;
}

/** @returns the text of a kubeconfig with everything in it */
export function kubeconfig(origin: string, ca: string, token: string): string {
  return JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'crowfly',
          cluster: { server: origin, 'certificate-authority-data': Buffer.from(ca).toString('base64') },
        },
      ],
      users: [{ name: 'admin', user: { token } }],
      contexts: [{ name: 'crowfly', context: { cluster: 'crowfly', user: 'admin' } }],
      'current-context': 'crowfly',
    },
    null,
    2,
  );
}

export const writeSecret = (path: string, text: string): Promise<void> =>
  writeFile(path, text, { mode: 0o600 });
