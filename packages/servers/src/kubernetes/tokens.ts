import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ServersError } from '../errors.js';
import { pathOf } from './kinds.js';
import type { Objects } from './objects.js';

export interface TokenSpec {
  /** Name of a Secret, created when missing: the token ends with it. */
  readonly boundToSecret?: string;
  /** Lifetime in seconds, at least 600 (the API's own bound); 3,600 by default. */
  readonly seconds?: number;
}

/** A service account's token from the TokenRequest API. The service account must exist. */
export async function requestToken(
  objects: Objects,
  namespace: string,
  serviceAccount: string,
  { boundToSecret, seconds = 3_600 }: TokenSpec = {},
): Promise<string> {
  let boundObjectRef: object | undefined;
  if (boundToSecret !== undefined) {
    await objects.create({ kind: 'Secret', metadata: { name: boundToSecret, namespace } });
    const { uid } = (await objects.get('Secret', namespace, boundToSecret)).metadata;
    boundObjectRef = { apiVersion: 'v1', kind: 'Secret', name: boundToSecret, uid };
  }
  const path = `${pathOf('ServiceAccount', namespace, serviceAccount)}/token`;
  const answer = await objects.ok('POST', path, { spec: { expirationSeconds: seconds, boundObjectRef } });
  const token = answer.status?.token;
  if (typeof token !== 'string') throw new ServersError('bad-answer', `POST ${path}: no token in the answer`);
  return token;
}

/** The directory that a pod finds its identity in, with the kubelet's way of changing it: a symbolic link is swapped. */
export class PodDirectory {
  /** What stands for /var/run/secrets/kubernetes.io/serviceaccount. */
  readonly path: string;
  /** What a pod has in its environment. */
  readonly env: { readonly KUBERNETES_SERVICE_HOST: string; readonly KUBERNETES_SERVICE_PORT: string };
  readonly #fixed: { readonly 'ca.crt': string; readonly namespace: string };
  #generation = 0;

  constructor(path: string, origin: string, ca: string, namespace: string) {
    const { hostname, port } = new URL(origin);
    this.path = path;
    this.env = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
    this.#fixed = { 'ca.crt': ca, namespace };
  }

  /** Puts another token in the place of the present one. */
  async rotate(token: string): Promise<void> {
    const files = { token, ...this.#fixed };
    const previous = `..data-${this.#generation}`;
    const folder = `..data-${++this.#generation}`;
    await mkdir(join(this.path, folder), { recursive: true });
    for (const [name, text] of Object.entries(files))
      await writeFile(join(this.path, folder, name), text, { mode: 0o600 });
    await symlink(folder, join(this.path, '..data_tmp'));
    await rename(join(this.path, '..data_tmp'), join(this.path, '..data'));
    if (this.#generation === 1) {
      for (const name of Object.keys(files)) await symlink(`..data/${name}`, join(this.path, name));
    } else await rm(join(this.path, previous), { recursive: true });
  }
}
