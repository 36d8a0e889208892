import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { CrowflyError, describeError, printable, suggest } from '@crowfly/core';
import type { ConnectionOptions } from '@crowfly/http';
import type { KubeConfig } from '@kubernetes/client-node';
import type { KubernetesOptions } from '../options.js';
import { type Access, namespaceOf, type Place, splitServer } from './access.js';

/** The user's kubeconfig, as kubectl finds it: the files of a list that exist. */
export function kubeconfigPaths(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const named = env.KUBECONFIG?.split(delimiter).filter((path) => path !== '') ?? [];
  if (named.length === 0) return [join(env.HOME ?? homedir(), '.kube', 'config')].filter(existsSync);
  const there = named.filter((path) => existsSync(path));
  return there.length > 0 ? there : named.slice(0, 1);
}

/**
 * A kubeconfig, read by the official client, which knows exec plugins, OIDC and the rest. It takes about half a second
 * and 80 MB to load: only here, never in a pod.
 *
 * @param paths one file, or several that are read as one
 */
export function kubeconfigPlace(paths: readonly string[], options: KubernetesOptions): Place {
  const name = paths.join(', ');
  try {
    const config = load(paths, name, options.context);
    const { namespace } = config.getContextObject(config.getCurrentContext()) ?? {};
    const access = accessOf(config, name);
    return {
      id: `kubernetes:${access.origin}${access.basePath}`,
      ...namespaceOf(options.namespace ?? (namespace || undefined)),
      access: () => access,
    };
  } catch (error) {
    return {
      id: `kubernetes:${name}`,
      ...namespaceOf(options.namespace),
      access() {
        throw error;
      },
    };
  }
}

function load(paths: readonly string[], name: string, context: string | undefined): KubeConfig {
  const config = merged(paths.map(loadFile));
  const contexts = config.contexts.map(({ name }) => name);
  if (contexts.length + config.clusters.length === 0)
    throw bad('kubeconfig', `${name} is no kubeconfig: expected clusters, users and contexts`);
  // What is not set is null or undefined, whatever the types say.
  const current = (context ?? config.getCurrentContext()) || undefined;
  if (current === undefined)
    throw bad(
      'context',
      `${name} names no current context: choose one with { context } or kubectl config use-context; ${suggest('', contexts)}`,
    );
  if (!contexts.includes(current))
    throw bad('context', `${name} has no context '${printable(current)}'; ${suggest(current, contexts)}`);
  config.setCurrentContext(current);
  if (config.getCurrentCluster() === null)
    throw bad('context', `the context '${current}' of ${name} names a cluster that the file does not have`);
  return config;
}

function loadFile(path: string): KubeConfig {
  if (!existsSync(path))
    throw bad('kubeconfig', `there is no file ${path}: correct the path, or the environment's KUBECONFIG`);
  const config = new (official().KubeConfig)();
  try {
    config.loadFromFile(path);
    return config;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** As kubectl merges: of two that have one name, the first counts. */
function merged([first, ...others]: readonly KubeConfig[]): KubeConfig {
  if (first === undefined || others.length === 0) return first as KubeConfig;
  const all = [first, ...others];
  const config = new (official().KubeConfig)();
  config.loadFromOptions({
    clusters: firsts(all.flatMap(({ clusters }) => clusters)),
    users: firsts(all.flatMap(({ users }) => users)),
    contexts: firsts(all.flatMap(({ contexts }) => contexts)),
    currentContext: all.map(({ currentContext }) => currentContext).find(Boolean),
  });
  return config;
}

function firsts<T extends { readonly name: string }>(all: readonly T[]): T[] {
  const byName = new Map<string, T>();
  for (const one of all) if (!byName.has(one.name)) byName.set(one.name, one);
  return [...byName.values()];
}

/** What is wrong with YAML is told with the text around it, which may well be a token: only where it is. */
function unreadable(path: string, cause: unknown): CrowflyError {
  const { name, mark } = cause as { name?: unknown; mark?: { line?: unknown } };
  // As the official client says it when there is nothing in the file, or something else.
  if (cause instanceof TypeError)
    return bad('kubeconfig', `${path} is no kubeconfig: expected clusters, users and contexts`, cause);
  if (name !== 'YAMLException')
    return bad('kubeconfig', `${path} cannot be read: ${describeError(cause)}`, cause);
  const line = typeof mark?.line === 'number' ? `line ${mark.line + 1}` : 'it';
  return bad(
    'kubeconfig',
    `${path} cannot be read: ${line} is no YAML, which \`kubectl config view\` explains`,
  );
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
  const credentials = `the user '${config.getCurrentUser()?.name}' of ${path}`;
  const apply = async (): Promise<Applied> => {
    const options: Applied = {};
    // Over plain http, as through `kubectl proxy`, credentials are not ours to send.
    if (!secure) return options;
    try {
      await config.applyToHTTPSOptions(options as Parameters<KubeConfig['applyToHTTPSOptions']>[0]);
      return options;
    } catch (cause) {
      // A parser quotes what it could not read, which here may be a credential.
      const why = cause instanceof SyntaxError ? 'its plugin printed no JSON' : describeError(cause);
      throw new CrowflyError(
        'denied',
        `${credentials} has no credentials (${why}): does \`kubectl get services\` work?`,
        cause instanceof SyntaxError ? {} : { cause },
      );
    }
  };
  return {
    ...splitServer(server),
    credentials,
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
