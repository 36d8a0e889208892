import type { RegistryFactory } from '@crowfly/core';
import type { KubernetesOptions as RegistryOptions } from '@crowfly/registry-kubernetes';
import {
  type Kubernetes,
  type KubernetesOptions,
  requireKubernetes,
  type SuiteContext,
  TcpProxy,
} from '@crowfly/servers';
import { createDiscovery, type Discovery, type DiscoveryOptions } from 'crowfly';
import { Account } from './account.js';
import { Seen } from './seen.js';
import { Traffic } from './traffic.js';

interface ClientOptions extends Omit<DiscoveryOptions, 'registry'> {
  readonly registry?: RegistryOptions;
}

/** What most scenarios begin with: a cluster, the account of a client with the shipped role in `shop`, a proxy in between. */
export class Shop {
  readonly cluster: Kubernetes;
  readonly account: Account;
  /** Between clients that `open` makes and the API server. */
  readonly proxy: TcpProxy;
  readonly #opened: Discovery[] = [];
  readonly #traffic: Traffic[] = [];

  private constructor(cluster: Kubernetes, account: Account, proxy: TcpProxy) {
    this.cluster = cluster;
    this.account = account;
    this.proxy = proxy;
  }

  static async start(context: SuiteContext, options?: KubernetesOptions): Promise<Shop> {
    const cluster = await requireKubernetes(context, options);
    const account = await Account.create(cluster);
    await account.grant();
    const proxy = await TcpProxy.to({ port: Number(new URL(cluster.origin).port) });
    return new Shop(cluster, account, proxy);
  }

  /** A client as it runs in a pod. */
  open(options?: ClientOptions): Discovery {
    return this.openAs(this.account, options);
  }

  /** The same in the pod of another account, through the same proxy. */
  openAs(account: Account, { registry, ...options }: ClientOptions = {}): Discovery {
    return this.openWith(account.registry(registry, this.proxy.port), options);
  }

  /** A client of whatever registry, ended with the others. */
  openWith(registry: RegistryFactory, options: Omit<DiscoveryOptions, 'registry'> = {}): Discovery {
    const discovery = createDiscovery({ registry, logger: false, env: false, ...options });
    this.#opened.push(discovery);
    return discovery;
  }

  /** The set of one service as a client of its own sees it. */
  see(service: string, registry?: RegistryOptions): Seen {
    return new Seen(this.open(registry === undefined ? {} : { registry }), service);
  }

  /** Counts what clients send from now on. */
  count(): Traffic {
    const traffic = new Traffic(`https://127.0.0.1:${this.proxy.port}`);
    this.#traffic.push(traffic);
    return traffic;
  }

  /** Ends the clients of one test. */
  async closeClients(): Promise<void> {
    for (const traffic of this.#traffic.splice(0)) traffic.stop();
    await Promise.all(this.#opened.splice(0).map((discovery) => discovery.close()));
  }

  async close(): Promise<void> {
    await this.closeClients();
    await this.proxy.close();
    await this.cluster.close();
  }

  /** A service `name` for pods labelled `app: name`, whose containers listen on 8080. */
  async service(name: string): Promise<void> {
    await this.cluster.service('shop', name, {
      selector: { app: name },
      ports: [{ port: 80, targetPort: 8080 }],
    });
  }

  async pod(service: string, number: number, ip: string, node?: string): Promise<void> {
    const labels = { app: service };
    await this.cluster.pod('shop', `${service}-${number}`, {
      labels,
      ip,
      ...(node === undefined ? {} : { node }),
    });
  }

  /** A service without a selector, whose slices the test writes. */
  async manual(name: string): Promise<void> {
    await this.cluster.service('shop', name, { ports: [{ port: 80, targetPort: 8080 }] });
  }

  async slice(service: string, name: string, endpoints: readonly string[]): Promise<void> {
    await this.cluster.slice('shop', name, { service, ports: [{ name: '', port: 8080 }], endpoints });
  }
}
