import { join } from 'node:path';
import { freePort } from '../process/ports.js';
import type { Certificates } from './certificates.js';

export interface ConsulOptions {
  /** Default `dc1`. */
  readonly datacenter?: string;
  /** Name of the node. Default: `node-` and its datacenter. */
  readonly node?: string;
  readonly nodeMeta?: Readonly<Record<string, string>>;
  /** Default-deny rights, with a management token of its own. Default `false`. */
  readonly acl?: boolean;
  /** HTTPS instead of HTTP, with an authority of its own; `client`: clients must have a certificate of it. */
  readonly tls?: 'server' | 'client';
  /** HTTP on a unix socket too. Default `false`. */
  readonly unixSocket?: boolean;
  /** State survives a restart. Default `false`: everything is gone, as after an agent without data was replaced. */
  readonly persistent?: boolean;
  /** `server` (default), or `client`: an agent without data of its own, that asks the server named by `join`. */
  readonly mode?: 'server' | 'client';
  /** The agent whose datacenter a client joins, or with which a server of another datacenter is federated. */
  readonly join?: { readonly ports: Ports };
  /** Connections that one client address may hold. Default: Consul's, 200. */
  readonly maxConnectionsPerClient?: number;
  /** Where it listens. Default 127.0.0.1; in a network namespace of the test another one. */
  readonly address?: string;
  /** Further settings, as the agent's configuration file has them. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Gets a line now and then while Consul is built; standard error by default. */
  readonly progress?: (line: string) => void;
}

export interface Ports {
  readonly http: number;
  readonly https: number;
  readonly dns: number;
  readonly grpc: number;
  readonly serfLan: number;
  readonly serfWan: number;
  readonly server: number;
}

export async function freePorts(): Promise<Ports> {
  const drawn = new Set<number>();
  while (drawn.size < 7) drawn.add(await freePort());
  const [http = 0, https = 0, dns = 0, grpc = 0, serfLan = 0, serfWan = 0, server = 0] = drawn;
  return { http, https, dns, grpc, serfLan, serfWan, server };
}

/** What the configuration file holds. */
export function configOf(
  options: ConsulOptions,
  ports: Ports,
  directory: string,
  { token, certificates }: { token: string; certificates: Certificates | undefined },
): object {
  const { datacenter = 'dc1', mode = 'server', address = '127.0.0.1', persistent = false } = options;
  const client = mode === 'client';
  const addresses = options.unixSocket
    ? { http: `${address} unix://${join(directory, 'consul.sock')}` }
    : undefined;
  return {
    datacenter,
    node_name: options.node ?? (client ? `client-${datacenter}` : `node-${datacenter}`),
    node_meta: options.nodeMeta ?? {},
    bind_addr: address,
    client_addr: address,
    ...(addresses === undefined ? {} : { addresses }),
    // With a folder it would remember its services, and only forget the catalog.
    ...(client || persistent ? { data_dir: join(directory, 'data') } : {}),
    ...(client ? {} : { server: true }),
    ...(client || !persistent ? {} : { bootstrap_expect: 1 }),
    ports: {
      http: options.tls === undefined ? ports.http : -1,
      https: options.tls === undefined ? -1 : ports.https,
      dns: ports.dns,
      grpc: -1,
      serf_lan: ports.serfLan,
      // A client takes no part in the WAN; the option must hold a port all the same.
      serf_wan: client ? -1 : ports.serfWan,
      server: ports.server,
    },
    ...joinOf(options, address),
    ...(certificates === undefined
      ? {}
      : {
          ca_file: certificates.caFile,
          cert_file: certificates.serverCertFile,
          key_file: certificates.serverKeyFile,
          verify_incoming_https: options.tls === 'client',
          verify_incoming_rpc: false,
        }),
    ...(options.acl
      ? {
          primary_datacenter: datacenter,
          acl: {
            enabled: true,
            default_policy: 'deny',
            enable_token_persistence: true,
            tokens: { initial_management: token, agent: token },
          },
        }
      : {}),
    ...(options.maxConnectionsPerClient === undefined
      ? {}
      : { limits: { http_max_conns_per_client: options.maxConnectionsPerClient } }),
    // Elections and the agent's sync with its server as fast as they go.
    performance: { raft_multiplier: 1 },
    disable_update_check: true,
    log_level: 'info',
    ...options.config,
  };
}

function joinOf({ join: other, mode = 'server' }: ConsulOptions, address: string): object {
  if (other === undefined) return {};
  if (mode === 'client') return { retry_join: [`${address}:${other.ports.serfLan}`], retry_interval: '1s' };
  return { retry_join_wan: [`${address}:${other.ports.serfWan}`], retry_interval_wan: '1s' };
}
