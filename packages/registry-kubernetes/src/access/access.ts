import type { ConnectionOptions } from '@crowfly/http';

/** How the API server is reached, and as whom. What may rotate is asked for anew each time. */
export interface Access {
  /** `https://10.0.0.1:6443`. */
  readonly origin: string;
  /** What stands before `/api`, such as `/k8s/clusters/c-1` behind a gateway; '' for most. */
  readonly basePath: string;
  /** Where the credentials come from, for messages: `the token in /var/run/...`; `undefined` when there are none. */
  readonly credentials: string | undefined;
  /** For each new connection. */
  connection(): Promise<ConnectionOptions>;
  /** For each request. */
  headers(): Promise<Record<string, string>>;
}

/** Where this process stands: what is known before anything is asked. */
export interface Place {
  /** Free of secrets, the same in each process: the origin, or why there is none. */
  readonly id: string;
  /** Of names that say none. */
  readonly namespace: string;
  /** Whether that is 'default' because nothing said which. */
  readonly guessed: boolean;
  /** @throws CrowflyError when the API server cannot be reached from here: no pod, no kubeconfig, a wrong one */
  access(): Access;
}

/** An origin and what stands behind it. */
export function splitServer(server: string): Pick<Access, 'origin' | 'basePath'> {
  const { origin, pathname } = new URL(server);
  return { origin, basePath: pathname.replace(/\/+$/, '') };
}

/** @param given what says which namespace it is */
export function namespaceOf(given: string | undefined): Pick<Place, 'namespace' | 'guessed'> {
  return { namespace: given ?? 'default', guessed: given === undefined };
}
