import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

/** The variable by which a deployment says where callers reach its machine. */
export const HOST_VARIABLE = 'CROWFLY_SELF_HOST';

/** As `os.networkInterfaces()` lists them. */
export type Interfaces = Readonly<
  Record<string, readonly { readonly address: string; readonly internal: boolean }[] | undefined>
>;

export interface FoundHost {
  readonly host: string;
  /** One line for a person. */
  readonly by: string;
  /** Why others may not reach it; `undefined`: nothing speaks against it. */
  readonly doubt?: string;
}

/** Networks that exist on this machine only, or lead through a tunnel: what containers, virtual machines and VPNs bring. */
const LOCAL_NETWORKS =
  /^(?:docker|br-|veth|virbr|vmnet|vboxnet|vethernet|cni|flannel|cali|weave|kube-|lxc|lxd|podman|tun|tap|utun|wg|tailscale|zt|awdl|llw|anpi|bridge|dummy)/i;

/**
 * Where callers reach this machine: what the environment says, else the address of its network. IPv4 before IPv6; of
 * several the first, in the system's order, and the others are named.
 */
export function findHost(
  env: Readonly<Record<string, string | undefined>>,
  interfaces: Interfaces = networkInterfaces(),
): FoundHost {
  const given = env[HOST_VARIABLE];
  if (given) return { host: given, by: `${HOST_VARIABLE} in the environment` };
  const all = Object.entries(interfaces).flatMap(([name, addresses]) =>
    (addresses ?? []).map(({ address, internal }) => ({ name, address, internal })),
  );
  const own = all.filter(({ address, internal }) => !internal && !isLinkLocal(address));
  const plausible = own.filter(({ name }) => !LOCAL_NETWORKS.test(name));
  const [best, ...others] = byFamily(plausible);
  const fix = `say which it is: register({ host }), or ${HOST_VARIABLE} in the environment`;
  if (best !== undefined) {
    const { name, address } = best;
    const by = `the address of ${name}`;
    const sameFamily = others.filter((one) => isIP(one.address) === isIP(address));
    if (sameFamily.length === 0) return { host: address, by };
    const list = sameFamily.map((one) => `${one.address} (${one.name})`).join(', ');
    return { host: address, by: `${by}, the first of several`, doubt: `it could also be ${list}; ${fix}` };
  }
  const [local] = byFamily(own);
  if (local !== undefined)
    return {
      host: local.address,
      by: `the address of ${local.name}, as there is no other`,
      doubt: `${local.name} looks like a network of containers, virtual machines or a VPN, which others may not reach; ${fix}`,
    };
  const [loopback] = byFamily(all.filter(({ internal }) => internal));
  return {
    host: loopback?.address ?? '127.0.0.1',
    by: 'the loopback address, as there is no network',
    doubt: `only this machine reaches it; ${fix}`,
  };
}

function isLinkLocal(address: string): boolean {
  return address.startsWith('169.254.') || /^fe[89ab]/i.test(address);
}

function byFamily<T extends { readonly address: string }>(list: readonly T[]): readonly T[] {
  return [
    ...list.filter(({ address }) => isIP(address) === 4),
    ...list.filter(({ address }) => isIP(address) === 6),
  ];
}
