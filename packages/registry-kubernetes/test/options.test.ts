import { isCrowflyError } from '@crowfly/core';
import { type KubernetesOptions, kubernetes } from '@crowfly/registry-kubernetes';
import { expect } from 'chai';

const cases: readonly [Record<string, unknown>, string | RegExp][] = [
  [{ namspace: 'shop' }, "kubernetes.namspace: there is no such option; did you mean 'namespace'?"],
  [{ namespace: 'Shop' }, /^kubernetes\.namespace: a namespace has a-z, 0-9 and '-', at most 63 of them/],
  [{ namespace: '' }, /^kubernetes\.namespace: /],
  [{ namespace: 7 }, /^kubernetes\.namespace: expected a non-empty/],
  [{ namespaces: 'shop' }, /^kubernetes\.namespaces: expected a list of namespaces, as in \['shop'\]/],
  [{ namespaces: ['shop', '../x'] }, /^kubernetes\.namespaces\[1\]: a namespace has/],
  [{ clusterDomain: 7 }, /^kubernetes\.clusterDomain: /],
  [
    { clusterDomain: '.cluster.local' },
    /^kubernetes\.clusterDomain: expected a domain without dots at its ends, such as 'cluster.local'/,
  ],
  [{ clusterDomain: 'Cluster.Local' }, /^kubernetes\.clusterDomain: expected a domain/],
  [{ api: 'slices' }, /^kubernetes\.api: .*endpointslices/],
  [{ ipFamily: 'ipv4' }, /^kubernetes\.ipFamily: .*IPv4/],
  [
    { server: '10.0.0.1:6443' },
    /^kubernetes\.server: expected the URL of the API server, such as 'https:\/\/10\.0\.0\.1:6443'/,
  ],
  [{ server: 'ftp://10.0.0.1' }, /^kubernetes\.server: expected the URL/],
  [
    { server: 'https://user:secret@10.0.0.1' },
    /^kubernetes\.server: expected the URL of the API server, .*without user info/,
  ],
  [{ server: 'https://10.0.0.1/?x=1' }, /^kubernetes\.server: /],
  [{ caFile: '/ca.crt' }, "kubernetes.caFile: goes with 'server': a pod and a kubeconfig bring their own"],
  [
    { tokenFile: '/token' },
    "kubernetes.tokenFile: goes with 'server': a pod and a kubeconfig bring their own",
  ],
  [
    { server: 'https://a', kubeconfig: '/x' },
    "kubernetes.kubeconfig: contradicts 'server': keep one of them",
  ],
  [{ server: 'https://a', context: 'x' }, "kubernetes.context: contradicts 'server': keep one of them"],
  [
    { server: 'https://a', serviceAccountDirectory: '/x' },
    "kubernetes.serviceAccountDirectory: contradicts 'server': keep one of them",
  ],
  [
    { kubeconfig: '/x', serviceAccountDirectory: '/x' },
    "kubernetes.serviceAccountDirectory: contradicts 'kubeconfig': keep one of them",
  ],
  [
    { clock: {}, random: () => 0, self: {} },
    'registry: kubernetes makes a registry and is none: write registry: kubernetes(), with parentheses',
  ],
  [{ kubeconfig: '/x', tokenFile: '/x' }, "kubernetes.tokenFile: contradicts 'kubeconfig': keep one of them"],
  [{ server: 'http://a', tokenFile: '/x' }, /^kubernetes\.tokenFile: .*plain http/],
  [{ dnsServers: '10.96.0.10' }, /^kubernetes\.dnsServers: expected a list of addresses/],
  [
    { dnsServers: ['dns.example'] },
    /^kubernetes\.dnsServers\[0\]: expected an IP address, with a port if it is not 53/,
  ],
];

describe('options of kubernetes()', () => {
  for (const [options, message] of cases) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      let error: unknown;
      try {
        kubernetes(options as KubernetesOptions);
      } catch (thrown) {
        error = thrown;
      }
      expect(isCrowflyError(error, 'bad-option'), String(error)).to.equal(true);
      if (typeof message === 'string') expect((error as Error).message).to.equal(message);
      else expect((error as Error).message).to.match(message);
      expect((error as Error).message).not.to.include('secret');
    });
  }

  it('takes each of them', () => {
    const common = {
      namespace: 'shop',
      namespaces: ['a'],
      clusterDomain: 'k8s.local',
      api: 'endpoints',
      ipFamily: 'IPv6',
      dnsServers: ['10.96.0.10', '127.0.0.1:5353', '[::1]:53', '::1'],
    } as const;
    kubernetes({ ...common, server: 'https://10.0.0.1:6443/base', caFile: '/ca', tokenFile: '/token' });
    kubernetes({ ...common, kubeconfig: '/x', context: 'c' });
    kubernetes({ ...common, serviceAccountDirectory: '/x', context: 'c' });
    kubernetes();
  });
});
