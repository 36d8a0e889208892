import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { CrowflyError, describeError, suggest } from '@crowfly/core';
import type { ConnectionOptions } from '@crowfly/http';
import type { KubeConfig } from '@kubernetes/client-node';
import type { KubernetesOptions } from '../options.js';
import { type Access, type Place, splitServer } from './access.js';

/** The user's kubeconfig, as kubectl finds it; the first file of a list that exists. */
export function kubeconfigPath(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const named = env.KUBECONFIG?.split(delimiter).filter((path) => path !== '');
  if (named !== undefined && named.length > 0) return named.find((path) => existsSync(path)) ?? named[0];
  const path = join(env.HOME ?? homedir(), '.kube', 'config');
  return existsSync(path) ? path : undefined;
}

/**
 * A kubeconfig, read by the official client, which knows exec plugins, OIDC and the rest. It takes about half a second
 * and 80 MB to load: only here, never in a pod.
 */
export function kubeconfigPlace(path: string, options: KubernetesOptions): Place {
  try {
    const config = load(path, options.context);
    const { namespace } = config.getContextObject(config.getCurrentContext()) ?? {};
    const access = accessOf(config, path);
    return {
      id: `kubernetes:${access.origin}${access.basePath}`,
      namespace: options.namespace ?? namespace ?? 'default',
      access: () => access,
    };
  } catch (error) {
    return {
      id: `kubernetes:${path}`,
      namespace: options.namespace ?? 'default',
      access() {
        throw error;
      },
    };
  }
}

function load(path: string, context: string | undefined): KubeConfig {
  if (!existsSync(path))
    throw bad('kubeconfig', `there is no file ${path}: correct the path, or the environment's KUBECONFIG`);
  const config = new (official().KubeConfig)();
  try {
    config.loadFromFile(path);
  } catch (cause) {
    throw bad('kubeconfig', `${path} cannot be read: ${describeError(cause)}`, cause);
  }
  const contexts = config.getContexts().map(({ name }) => name);
  if (context !== undefined) {
    if (!contexts.includes(context))
      throw bad('context', `${path} has no context '${context}'; ${suggest(context, contexts)}`);
    config.setCurrentContext(context);
  }
  const current = config.getCurrentContext();
  if (config.getContextObject(current ?? '') === null)
    throw bad('context', `${path} names no current context; ${suggest(current ?? '', contexts)}`);
  if (config.getCurrentCluster() === null)
    throw bad('context', `the context '${current}' of ${path} names a cluster that the file does not have`);
  return config;
}

function official(): typeof import('@kubernetes/client-node') {
  try {
    // Synchronous, as names are located before anything can be awaited; every supported Node can require ES modules.
    return createRequire(import.meta.url)('@kubernetes/client-node');
  } catch (cause) {
    throw bad(
      'kubeconfig',
      'reading a kubeconfig needs the package @kubernetes/client-node: npm install @kubernetes/client-node (1.4 with Node.js 20, 2.0.1 or newer from 22.19 on)',
      cause,
    );
  }
}

function accessOf(config: KubeConfig, path: string): Access {
  const cluster = config.getCurrentCluster();
  const server = cluster?.server ?? '';
  if (!URL.canParse(server) || !/^https?:/.test(server))
    throw bad('kubeconfig', `the cluster '${cluster?.name}' of ${path} has no server URL`);
  if (cluster?.skipTLSVerify === true)
    throw bad(
      'kubeconfig',
      `the cluster '${cluster.name}' of ${path} sets insecure-skip-tls-verify, which would give your credentials to anyone: set certificate-authority-data (and tls-server-name, if the name differs) instead`,
    );
  if (cluster?.proxyUrl !== undefined)
    throw bad(
      'kubeconfig',
      `the cluster '${cluster.name}' of ${path} sets proxy-url, which is not supported`,
    );
  const secure = server.startsWith('https:');
  const apply = async (): Promise<Applied> => {
    const options: Applied = {};
    // Over plain http, as through `kubectl proxy`, credentials are not ours to send.
    if (secure) await config.applyToHTTPSOptions(options as Parameters<KubeConfig['applyToHTTPSOptions']>[0]);
    return options;
  };
  return {
    ...splitServer(server),
    credentials: `the user '${config.getCurrentUser()?.name}' of ${path}`,
    async connection() {
      const { ca, cert, key, pfx, passphrase, servername } = await apply();
      return definite({ ca, cert, key, pfx, passphrase, servername });
    },
    async headers() {
      const { headers = {}, auth } = await apply();
      const basic =
        auth === undefined ? {} : { authorization: `Basic ${Buffer.from(auth).toString('base64')}` };
      const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]);
      return { ...Object.fromEntries(entries), ...basic };
    },
  };
}

/** What the official client fills in of the options of node:https. */
interface Applied extends ConnectionOptions {
  headers?: Record<string, unknown>;
  auth?: string;
}

function definite(
  options: { [K in keyof ConnectionOptions]: ConnectionOptions[K] | undefined },
): ConnectionOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function bad(option: string, text: string, cause?: unknown): CrowflyError {
  const path = `kubernetes.${option}`;
  return new CrowflyError('bad-option', `${path}: ${text}`, { path, cause });
}
