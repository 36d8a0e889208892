import type { Feed, Registry, RegistryContext, RegistryFactory, ServiceRef } from '@crowfly/core';
import type { Place } from './access/access.js';
import { findPlace } from './access/place.js';
import { ApiClient } from './api/client.js';
import { locate, type Naming, serviceOf } from './names.js';
import { checkKubernetesOptions, KUBERNETES_DEFAULTS, type KubernetesOptions } from './options.js';
import { type Resolve, systemResolve } from './service/external-name.js';
import { View } from './service/view.js';
import { closedError, NamespaceWatch } from './watch/namespace-watch.js';
import { RateLimits } from './watch/rate-limits.js';

/** How soon a connection that died in silence is noticed: pings over HTTP/2, bookmarks over HTTP/1.1 (plain http). */
const SILENCE_MS = { https: 15_000, http: 75_000 } as const;

/** So many namespaces in which nothing was seen are remembered when nobody asks for them. */
const MAX_NAMESPACES = 100;

/**
 * The services of a Kubernetes cluster, as its API server tells them: instances are pods, and a call goes to a pod
 * itself, with no kube-proxy and no DNS in between.
 *
 * Without options it works in a pod, with the rights in the package's manifests, and elsewhere with the user's
 * kubeconfig (then `@kubernetes/client-node` must be installed). One list and one watch per namespace in use, whatever
 * the number of services, all over one connection.
 *
 * @throws CrowflyError `bad-option` for options that are wrong in themselves; what is wrong with the cluster or the
 *   credentials comes through the watches, as it may mend: a process starts without its cluster too
 */
export function kubernetes(options: KubernetesOptions = {}): RegistryFactory {
  checkKubernetesOptions(options);
  return (context) => {
    const place = findPlace(options);
    const naming: Naming = {
      namespace: place.namespace,
      namespaces: options.namespaces ?? [],
      clusterDomain: options.clusterDomain ?? KUBERNETES_DEFAULTS.clusterDomain,
    };
    const cluster = new Cluster(place, options, context);
    const secure = !place.id.startsWith('kubernetes:http:');
    return {
      kind: 'kubernetes',
      id: place.id,
      supports: {
        unknown: true,
        zones: options.api !== 'endpoints',
        draining: options.api !== 'endpoints',
        resync: true,
        silenceMs: SILENCE_MS[secure ? 'https' : 'http'],
        credentials: true,
      },
      locate: (target) => locate(target, naming),
      watch: (service, feed) => cluster.watch(service, feed),
      close: () => cluster.close(),
    } satisfies Registry;
  };
}

/** What all watches of one registry share: the connection, and one list and watch per namespace. */
class Cluster {
  readonly #place: Place;
  readonly #options: KubernetesOptions;
  readonly #context: RegistryContext;
  readonly #namespaces = new Map<string, NamespaceWatch>();
  readonly #ipFamily: 'IPv4' | 'IPv6';
  readonly #resolve: Resolve;
  readonly #external = new Set<string>();
  readonly #limits: RateLimits;
  #client: ApiClient | undefined;
  #closed = false;

  constructor(place: Place, options: KubernetesOptions, context: RegistryContext) {
    this.#place = place;
    this.#options = options;
    this.#context = context;
    this.#limits = new RateLimits(context.clock);
    this.#ipFamily = options.ipFamily ?? KUBERNETES_DEFAULTS.ipFamily;
    this.#resolve = systemResolve(options.dnsServers, this.#ipFamily);
  }

  async watch(ref: ServiceRef, feed: Feed): Promise<void> {
    if (feed.signal.aborted) return;
    if (this.#closed) throw closedError();
    const { clock, random } = this.#context;
    const client = this.#connect();
    const view = new View({
      ref,
      feed,
      clock,
      random,
      client,
      ipFamily: this.#ipFamily,
      resolve: this.#resolve,
      limits: this.#limits,
      external: this.#external,
    });
    const shared = this.#watchOf(serviceOf(ref).namespace, client);
    try {
      await shared.follow(view, feed.signal);
    } finally {
      this.#forgetIdle();
    }
  }

  #connect(): ApiClient {
    const { namespace, guessed } = this.#place;
    this.#client ??= new ApiClient(
      this.#place.access(),
      this.#context.clock,
      guessed ? namespace : undefined,
    );
    return this.#client;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const watch of this.#namespaces.values()) watch.close();
    await this.#client?.close();
  }

  #watchOf(namespace: string, client: ApiClient): NamespaceWatch {
    const { clock, random } = this.#context;
    const known = this.#namespaces.get(namespace);
    if (known !== undefined) return known;
    const resource = this.#options.api ?? KUBERNETES_DEFAULTS.api;
    const shared = new NamespaceWatch({ namespace, resource, client, clock, random, limits: this.#limits });
    this.#namespaces.set(namespace, shared);
    return shared;
  }

  /** The oldest ones first, as namespaces may be made up; of real ones it matters which version was seen last. */
  #forgetIdle(): void {
    if (this.#namespaces.size <= MAX_NAMESPACES) return;
    for (const [namespace, shared] of this.#namespaces) {
      if (!shared.idle || shared.known) continue;
      this.#namespaces.delete(namespace);
      if (this.#namespaces.size <= MAX_NAMESPACES) return;
    }
  }
}
