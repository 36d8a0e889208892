import { isIP } from 'node:net';
import { CrowflyError, check, checkOptions } from '@crowfly/core';
import { isLabel } from './names.js';

/** Options of {@link kubernetes}; all have a default. */
export interface KubernetesOptions {
  /** The namespace of names without one (`http://orders/`). Default: the pod's own, the kubeconfig context's, or `default`. */
  readonly namespace?: string;
  /**
   * Further namespaces whose services URLs may name in the short form, `http://orders.shop/`. Long forms
   * (`orders.shop.svc`, `orders.shop.svc.cluster.local`) and names in the services table need no mention.
   */
  readonly namespaces?: readonly string[];
  /** The DNS domain of the cluster. Default `cluster.local`. */
  readonly clusterDomain?: string;
  /** What is read: EndpointSlices, or the older Endpoints where rights or cluster allow only those. Default `endpointslices`. */
  readonly api?: 'endpointslices' | 'endpoints';
  /** Of a service that has both: which addresses are used, while it has any. Default `IPv4`. */
  readonly ipFamily?: 'IPv4' | 'IPv6';
  /** The API server's origin, such as `https://10.0.0.1:6443`, with `caFile` and `tokenFile`, instead of the pod's or a kubeconfig. */
  readonly server?: string;
  /** With `server`: a PEM file of the authority that signed its certificate. Read again at each connect. */
  readonly caFile?: string;
  /** With `server`: a file that holds the bearer token. Read again for each request. */
  readonly tokenFile?: string;
  /** A kubeconfig file. Default, outside a pod: the environment's `KUBECONFIG`, or `~/.kube/config`. Needs `@kubernetes/client-node`. */
  readonly kubeconfig?: string;
  /** The context of the kubeconfig. Default: its current one. */
  readonly context?: string;
  /** Where a pod finds `token`, `ca.crt` and `namespace`. */
  readonly serviceAccountDirectory?: string;
  /** DNS servers for ExternalName services, `ip` or `ip:port`. Default: the system's. */
  readonly dnsServers?: readonly string[];
}

/** Every default of `kubernetes` that is no file or environment variable. */
export const KUBERNETES_DEFAULTS = {
  clusterDomain: 'cluster.local',
  api: 'endpointslices',
  ipFamily: 'IPv4',
  serviceAccountDirectory: '/var/run/secrets/kubernetes.io/serviceaccount',
} as const;

/** @throws CrowflyError `bad-option` with the path of what is wrong */
export function checkKubernetesOptions(options: KubernetesOptions): void {
  if (typeof options === 'object' && options !== null && 'clock' in options && 'random' in options)
    throw new CrowflyError(
      'bad-option',
      'registry: kubernetes makes a registry and is none: write registry: kubernetes(), with parentheses',
      { path: 'registry' },
    );
  checkOptions('kubernetes', options, {
    namespace: namespaceName,
    namespaces: check.list(namespaceName, "a list of namespaces, as in ['shop']"),
    clusterDomain: domainName,
    api: check.oneOf('endpointslices', 'endpoints'),
    ipFamily: check.oneOf('IPv4', 'IPv6'),
    server: serverOrigin,
    caFile: check.string,
    tokenFile: check.string,
    kubeconfig: check.string,
    context: check.string,
    serviceAccountDirectory: check.string,
    dnsServers: check.list(dnsServer, "a list of addresses, as in ['10.96.0.10']"),
  });
  contradiction(options, 'server', ['kubeconfig', 'context', 'serviceAccountDirectory']);
  contradiction(options, 'kubeconfig', ['serviceAccountDirectory', 'caFile', 'tokenFile']);
  for (const key of ['caFile', 'tokenFile'] as const) {
    if (options[key] !== undefined && options.server === undefined)
      throw bad(key, "goes with 'server': a pod and a kubeconfig bring their own");
  }
  const { server, tokenFile } = options;
  if (tokenFile !== undefined && server?.startsWith('http:') && !isLoopback(new URL(server).hostname))
    throw bad('tokenFile', 'would be sent over plain http, for everyone to read: use a server with https');
}

/** `kubectl proxy`, a tunnel. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\./.test(host);
}

function contradiction(
  options: KubernetesOptions,
  key: keyof KubernetesOptions,
  others: readonly (keyof KubernetesOptions)[],
): void {
  const other = options[key] === undefined ? undefined : others.find((one) => options[one] !== undefined);
  if (other !== undefined) throw bad(other, `contradicts '${key}': keep one of them`);
}

function namespaceName(value: unknown, path: string): void {
  check.string(value, path);
  if (!isLabel(value as string))
    throw new CrowflyError(
      'bad-option',
      `${path}: a namespace has a-z, 0-9 and '-', at most 63 of them, and begins and ends with a letter or digit`,
      { path },
    );
}

function domainName(value: unknown, path: string): void {
  check.string(value, path);
  if ((value as string).split('.').every(isLabel)) return;
  throw new CrowflyError(
    'bad-option',
    `${path}: expected a domain without dots at its ends, such as 'cluster.local'`,
    { path },
  );
}

function dnsServer(value: unknown, path: string): void {
  check.string(value, path);
  const [, bracketed, plain, port] =
    /^(?:\[([^\]]+)\]|([^:]+))(?::([0-9]{1,5}))?$/.exec(value as string) ?? [];
  const address = bracketed ?? plain ?? (value as string);
  if (isIP(address) !== 0 && Number(port ?? 53) >= 1 && Number(port ?? 53) <= 65_535) return;
  throw new CrowflyError(
    'bad-option',
    `${path}: expected an IP address, with a port if it is not 53, as in '10.96.0.10'`,
    { path },
  );
}

function serverOrigin(value: unknown, path: string): void {
  check.string(value, path);
  const url = URL.canParse(value as string) ? new URL(value as string) : undefined;
  const good =
    url !== undefined &&
    (url.protocol === 'https:' || url.protocol === 'http:') &&
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === '';
  if (!good)
    throw new CrowflyError(
      'bad-option',
      `${path}: expected the URL of the API server, such as 'https://10.0.0.1:6443', without user info or query`,
      { path },
    );
}

function bad(key: keyof KubernetesOptions, text: string): CrowflyError {
  const path = `kubernetes.${key}`;
  return new CrowflyError('bad-option', `${path}: ${text}`, { path });
}
