import { join } from 'node:path';
import type { Guardian } from '../process/guardian.js';
import type { ServerProcess } from '../process/server-process.js';
import type { ConsulApi } from './api.js';
import type { Certificates } from './certificates.js';
import type { Ports } from './config.js';

/** A service of an agent, as its registration has it. */
export interface ConsulService {
  readonly name: string;
  /** Default: the name. */
  readonly id?: string;
  /** Default: none, which means the node's. */
  readonly address?: string;
  /** Default 8080. */
  readonly port?: number;
  readonly tags?: readonly string[];
  readonly meta?: Readonly<Record<string, string>>;
  readonly weights?: { readonly passing: number; readonly warning: number };
  readonly taggedAddresses?: Readonly<Record<string, { readonly address: string; readonly port: number }>>;
  /** Of its TTL check; `none`: it has no check. Default `passing`. */
  readonly status?: CheckStatus | 'none';
}

export type CheckStatus = 'passing' | 'warning' | 'critical';

const VERBS = { passing: 'pass', warning: 'warn', critical: 'fail' } as const;

export interface AgentParts {
  readonly directory: string;
  readonly guardian: Guardian;
  readonly process: ServerProcess;
  readonly ports: Ports;
  readonly origin: string;
  readonly token: string | undefined;
  readonly certificates: Certificates | undefined;
  readonly api: ConsulApi;
}

/** A Consul agent that runs for a test; what it says is said through its own HTTP interface. */
export class Consul {
  readonly directory: string;
  /** Kill, freeze, thaw, stop, start. */
  readonly process: ServerProcess;
  readonly ports: Ports;
  /** `http://127.0.0.1:15123`. */
  readonly origin: string;
  /** May do everything; `undefined` without `acl`. */
  readonly token: string | undefined;
  readonly certificates: Certificates | undefined;
  readonly api: ConsulApi;
  readonly #guardian: Guardian;

  constructor(parts: AgentParts) {
    this.directory = parts.directory;
    this.process = parts.process;
    this.ports = parts.ports;
    this.origin = parts.origin;
    this.token = parts.token;
    this.certificates = parts.certificates;
    this.api = parts.api;
    this.#guardian = parts.guardian;
  }

  /** With `unixSocket`. */
  get socketPath(): string {
    return join(this.directory, 'consul.sock');
  }

  // --- services of this agent ---

  async register(service: ConsulService): Promise<void> {
    const { name, id = name, address = '', port = 8080, tags = [], meta = {}, status = 'passing' } = service;
    const { weights, taggedAddresses } = service;
    await this.api.call('PUT', '/v1/agent/service/register?replace-existing-checks=true', {
      Name: name,
      ID: id,
      Address: address,
      Port: port,
      Tags: tags,
      Meta: meta,
      ...(weights === undefined ? {} : { Weights: { Passing: weights.passing, Warning: weights.warning } }),
      ...(taggedAddresses === undefined
        ? {}
        : {
            TaggedAddresses: Object.fromEntries(
              Object.entries(taggedAddresses).map(([key, at]) => [
                key,
                { Address: at.address, Port: at.port },
              ]),
            ),
          }),
      // An hour: no test waits for it to expire.
      ...(status === 'none' ? {} : { Check: { CheckID: `service:${id}`, TTL: '1h', Status: status } }),
    });
  }

  async setStatus(id: string, status: CheckStatus, output = ''): Promise<void> {
    const note = output === '' ? '' : `?note=${encodeURIComponent(output)}`;
    await this.api.call('PUT', `/v1/agent/check/${VERBS[status]}/service:${encodeURIComponent(id)}${note}`);
  }

  async setMaintenance(id: string, on: boolean, reason = ''): Promise<void> {
    const query = `enable=${on}&reason=${encodeURIComponent(reason)}`;
    await this.api.call('PUT', `/v1/agent/service/maintenance/${encodeURIComponent(id)}?${query}`);
  }

  async setNodeMaintenance(on: boolean): Promise<void> {
    await this.api.call('PUT', `/v1/agent/maintenance?enable=${on}`);
  }

  async deregister(id: string): Promise<void> {
    await this.api.call('PUT', `/v1/agent/service/deregister/${encodeURIComponent(id)}`);
  }

  /** What the agent itself holds, by id. */
  services(): Promise<
    Record<string, { readonly ID: string; readonly Service: string; readonly Port: number }>
  > {
    return this.api.call('GET', '/v1/agent/services');
  }

  checks(): Promise<
    Record<string, { readonly CheckID: string; readonly Status: string; readonly Output: string }>
  > {
    return this.api.call('GET', '/v1/agent/checks');
  }

  // --- the catalog, for what no agent would say ---

  async catalogRegister(entry: object): Promise<void> {
    await this.api.call('PUT', '/v1/catalog/register', entry);
  }

  async catalogDeregister(entry: object): Promise<void> {
    await this.api.call('PUT', '/v1/catalog/deregister', entry);
  }

  // --- rights ---

  /** @returns the id of the policy */
  async putPolicy(name: string, rules: string): Promise<string> {
    const known = await this.api.call<readonly { ID: string; Name: string }[]>('GET', '/v1/acl/policies');
    const id = known.find((policy) => policy.Name === name)?.ID;
    const path = id === undefined ? '/v1/acl/policy' : `/v1/acl/policy/${id}`;
    const { ID } = await this.api.call<{ ID: string }>('PUT', path, {
      ...(id === undefined ? {} : { ID: id }),
      Name: name,
      Rules: rules,
    });
    return ID;
  }

  /** @returns the token's secret, and the id by which it is deleted */
  async createToken(...policies: readonly string[]): Promise<{ secret: string; accessor: string }> {
    const made = await this.api.call<{ SecretID: string; AccessorID: string }>('PUT', '/v1/acl/token', {
      Policies: policies.map((Name) => ({ Name })),
    });
    return { secret: made.SecretID, accessor: made.AccessorID };
  }

  async deleteToken(accessor: string): Promise<void> {
    await this.api.call('DELETE', `/v1/acl/token/${accessor}`);
  }

  // --- the state as a whole ---

  async snapshot(): Promise<Buffer> {
    return (await this.api.request('GET', '/v1/snapshot')).bytes;
  }

  async restore(snapshot: Buffer): Promise<void> {
    await this.api.call('PUT', '/v1/snapshot', snapshot);
  }

  /** Killed with -9 and started again, on the same ports; settles when it serves. */
  async restart(): Promise<void> {
    await this.process.kill();
    await this.process.start();
  }

  /** Ends it, and removes what it wrote. */
  async close(): Promise<void> {
    await this.process.kill();
    await this.#guardian.close();
  }
}
