import type { Consul } from './consul/agent.js';
import type { ConsulOptions } from './consul/config.js';
import { startConsul } from './consul/start.js';
import { ServersError } from './errors.js';
import type { Kubernetes } from './kubernetes/cluster.js';
import { type KubernetesOptions, startKubernetes } from './kubernetes/start.js';

/** What is needed of mocha's context, the `this` of a hook or a test. */
export interface SuiteContext {
  timeout(ms: number): unknown;
  skip(): never;
}

/** A first build takes minutes. */
const BUILD_MS = 20 * 60_000;

/**
 * `before(async function () { cluster = await requireKubernetes(this); })`: starts a cluster, which is the caller's to
 * close. On a machine without Go the suite is skipped, with one line that says how to get it; with `CI` in the environment
 * that is a failure.
 */
export function requireKubernetes(context: SuiteContext, options?: KubernetesOptions): Promise<Kubernetes> {
  return required(context, () => startKubernetes(options));
}

/** The same for a Consul agent. */
export function requireConsul(context: SuiteContext, options?: ConsulOptions): Promise<Consul> {
  return required(context, () => startConsul(options));
}

/** The same for anything that may throw `not-available`. */
export async function required<T>(context: SuiteContext, start: () => Promise<T>): Promise<T> {
  context.timeout(BUILD_MS);
  try {
    return await start();
  } catch (error) {
    const skippable = error instanceof ServersError && error.code === 'not-available' && !process.env.CI;
    if (!skippable) throw error;
    process.stderr.write(`crowfly: skipped: ${error.message}\n`);
    return context.skip();
  }
}
