import type { KubernetesOptions } from '@crowfly/registry-kubernetes';
import { expect } from 'chai';
import { DnsServer } from '../servers/support/dns-server.ts';
import { forbidden, statusOf } from '../support/api-server.ts';
import { service } from '../support/objects.ts';
import { Rig } from '../support/rig.ts';

describe('an ExternalName service, when rights are taken away', () => {
  let rig: Rig;
  let dns: DnsServer;

  beforeEach(async () => {
    dns = await DnsServer.start();
    dns.records.set('outside.example.test', ['10.9.0.1']);
  });
  afterEach(async () => {
    await rig.close();
    await dns.close();
  });

  async function open(options: KubernetesOptions = {}): Promise<void> {
    rig = await Rig.start({ dnsServers: [dns.address], ...options });
    rig.server.cluster.put(
      'services',
      service('orders', { type: 'ExternalName', externalName: 'outside.example.test', ports: [] }),
    );
  }

  for (const [what, reply] of [
    ['the token has expired', statusOf(401, 'Unauthorized', 'Unauthorized')],
    ['the right to read Services was taken away', forbidden('get', 'services', 'shop')],
  ] as const) {
    it(`that is in use stays in use when ${what}`, async () => {
      await open();
      const orders = rig.watch('orders');
      await orders.says('10.9.0.1:80');
      rig.server.interfere({ verb: 'get' }, reply);
      await rig.pass(31_000);
      expect(await orders.fails()).to.include({ code: 'denied' });
      expect(orders.said).to.deep.equal(['10.9.0.1:80']);
      const again = rig.watch('orders');
      expect(await again.fails(), 'when core begins anew').to.include({ code: 'denied' });
      expect(again.said).to.deep.equal([]);
    });
  }
});
