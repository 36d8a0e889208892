import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CrowflyError } from '@crowfly/core';
import { isLabel } from '../names.js';
import { KUBERNETES_DEFAULTS, type KubernetesOptions } from '../options.js';
import { namespaceOf, type Place } from './access.js';
import { fileAccess } from './files.js';
import { kubeconfigPaths, kubeconfigPlace } from './kubeconfig.js';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Finds the API server: `server` in the options; a kubeconfig in the options; the pod this runs in; the user's
 * kubeconfig. Never throws: a process starts without a cluster too, with fixed addresses say, and hears of it when it
 * asks for a service.
 */
export function findPlace(options: KubernetesOptions, env: Environment = process.env): Place {
  const { server, kubeconfig, context } = options;
  if (server !== undefined) return serverPlace(options, server);
  if (kubeconfig !== undefined) return kubeconfigPlace([kubeconfig], options);
  const directory = options.serviceAccountDirectory ?? KUBERNETES_DEFAULTS.serviceAccountDirectory;
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env;
  // As everything that runs in pods tells it: the address in the environment, and the token on disk.
  if (context === undefined && host && existsSync(join(directory, 'token')))
    return podPlace(options, directory, host, port);
  const paths = kubeconfigPaths(env);
  if (paths.length > 0) return kubeconfigPlace(paths, options);
  return nowhere(options, directory);
}

function serverPlace({ namespace, caFile, tokenFile }: KubernetesOptions, server: string): Place {
  const access = fileAccess(server, caFile, tokenFile);
  const id = `kubernetes:${access.origin}${access.basePath}`;
  return { id, ...namespaceOf(namespace), access: () => access };
}

function podPlace(options: KubernetesOptions, directory: string, host: string, port: string): Place {
  const access = fileAccess(
    `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    join(directory, 'ca.crt'),
    join(directory, 'token'),
    { caFile: 'kubernetes', tokenFile: 'kubernetes' },
  );
  const namespace = namespaceOf(options.namespace ?? readNamespace(directory));
  return { id: `kubernetes:${access.origin}`, ...namespace, access: () => access };
}

function readNamespace(directory: string): string | undefined {
  try {
    const text = readFileSync(join(directory, 'namespace'), 'utf8').trim();
    return isLabel(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

function nowhere({ namespace }: KubernetesOptions, directory: string): Place {
  return {
    id: 'kubernetes:',
    ...namespaceOf(namespace),
    access() {
      throw new CrowflyError(
        'bad-option',
        `there is no cluster to ask: this is no pod (no ${join(directory, 'token')}, or no KUBERNETES_SERVICE_HOST), and there is no kubeconfig (KUBECONFIG, ~/.kube/config); pass { kubeconfig } or { server, caFile, tokenFile }, or give the service a url, as CROWFLY_ORDERS=http://localhost:3001 in the environment does`,
        { path: 'kubernetes' },
      );
    },
  };
}
