import { expect } from 'chai';
import { DnsServer, SERVFAIL } from '../support/dns-server.ts';
import { service, slice } from '../support/objects.ts';
import { forbidden, statusOf } from '../support/replies.ts';
import { Rig } from '../support/rig.ts';

const NAME = 'db.example.com';

describe('an ExternalName service', () => {
  let rig: Rig;
  let dns: DnsServer;
  beforeEach(async () => {
    dns = await DnsServer.start();
  });
  afterEach(async () => {
    await rig.close();
    await dns.close();
  });
  const start = async (ipFamily: 'IPv4' | 'IPv6' = 'IPv4'): Promise<void> => {
    rig = await Rig.start({ dnsServers: [dns.address], ipFamily });
    const ports = [{ name: 'sql', port: 5432, protocol: 'TCP' }];
    rig.server.cluster.put('services', service('db', { type: 'ExternalName', externalName: NAME, ports }));
  };
  const asked = (): number => dns.asked.length;

  it('is where DNS says that its name is, on the port that was asked for', async () => {
    await start();
    dns.answers.set(NAME, { a: ['10.0.0.2', '10.0.0.1'] });
    const watched = rig.watch('db');
    await watched.says('10.0.0.1:80 10.0.0.2:80');
    expect(watched.sets[0]?.[0]).to.deep.equal({
      id: '10.0.0.1:80',
      host: '10.0.0.1',
      port: 80,
      metadata: { externalName: NAME },
    });
    await rig.watch('db:8080').says('10.0.0.1:8080 10.0.0.2:8080');
    await rig.watch('db:sql').says('10.0.0.1:5432 10.0.0.2:5432');
    await rig.watch('db:web').says(`unknown: it is an ExternalName (${NAME}) without a port named 'web'`);
  });

  it('has addresses of one family, the preferred one if there are any', async () => {
    await start();
    dns.answers.set(NAME, { a: ['10.0.0.1'], aaaa: ['fd00::1'] });
    await rig.watch('db').says('10.0.0.1:80');
    await rig.close();
    await start('IPv6');
    await rig.watch('db').says('fd00::1:80');
    await rig.close();
    dns.answers.set(NAME, { aaaa: ['fd00::1'] });
    await start();
    const watched = rig.watch('db');
    await watched.says('fd00::1:80');
    expect(watched.sets[0]?.[0]?.id).to.equal('[fd00::1]:80');
  });

  it('is asked for again when its answer has aged, between 5 and 60 s, and the Service every 30 s', async () => {
    await start();
    dns.answers.set(NAME, { a: ['10.0.0.1'], ttl: 1 });
    const watched = rig.watch('db');
    await watched.says('10.0.0.1:80');
    dns.answers.set(NAME, { a: ['10.0.0.2'], ttl: 1 });
    await rig.pass(4_000);
    expect(watched.said).to.have.lengthOf(1);
    await rig.pass(2_000);
    await watched.says('10.0.0.2:80');
    const before = asked();
    await rig.pass(60_000, 250);
    expect(asked() - before).to.be.within(10, 15);
    expect(rig.server.count('get', 'services')).to.be.within(2, 4);
    rig.server.cluster.put(
      'services',
      service('db', { type: 'ExternalName', externalName: 'other.example.com' }),
    );
    dns.answers.set('other.example.com', { a: ['10.0.9.9'], ttl: 3_600 });
    await rig.pass(31_000, 250);
    await watched.says('10.0.9.9:80');
  });

  it('is empty while its name does not exist, and says which name that is', async () => {
    await start();
    const watched = rig.watch('db');
    await watched.says('');
    expect(watched.problems).to.deep.equal([
      {
        code: 'no-address',
        detail: `DNS knows no address of ${NAME}, the external name of the Service 'db' in namespace 'shop'`,
      },
    ]);
  });

  it('fails while DNS does, and nothing is said about it', async () => {
    await start();
    dns.answers.set(NAME, { a: ['10.0.0.1'] });
    const watched = rig.watch('db');
    await watched.says('10.0.0.1:80');
    dns.answers.set(NAME, SERVFAIL);
    await rig.pass(61_000, 500);
    expect((await watched.fails()).message).to.match(
      /^DNS does not say where db\.example\.com is \(.*ESERVFAIL.*\), the external name of the Service 'db' in namespace 'shop'$/,
    );
    expect(watched.said).to.have.lengthOf(1);
  });

  for (const [what, reply] of [
    ['the token has expired', statusOf(401, 'Unauthorized', 'Unauthorized')],
    ['the right to read Services was taken away', forbidden('get', 'services', 'shop')],
  ] as const) {
    it(`stays what it was when ${what}`, async () => {
      await start();
      dns.answers.set(NAME, { a: ['10.0.0.1'] });
      const watched = rig.watch('db');
      await watched.says('10.0.0.1:80');
      rig.server.interfere({ verb: 'get' }, reply);
      await rig.pass(31_000);
      expect(await watched.fails()).to.include({ code: 'denied' });
      expect(watched.said).to.deep.equal(['10.0.0.1:80']);
      const again = rig.watch('db');
      expect(await again.fails(), 'when core begins anew').to.include({ code: 'denied' });
      expect(again.said).to.deep.equal([]);
    });
  }

  it('never leads back to the machine that asks', async () => {
    await start();
    dns.answers.set(NAME, { a: ['127.0.0.1', '10.0.0.1', '127.8.8.8'] });
    const watched = rig.watch('db:9229');
    await watched.says('10.0.0.1:9229');
    expect(watched.problems.map(({ code, detail }) => `${code}: ${detail}`)).to.deep.equal([
      `loopback: DNS says that ${NAME}, the external name of the Service 'db' in namespace 'shop', is 127.0.0.1, which is the caller itself and no instance: it is skipped`,
      `loopback: DNS says that ${NAME}, the external name of the Service 'db' in namespace 'shop', is 127.8.8.8, which is the caller itself and no instance: it is skipped`,
    ]);
    dns.answers.set(NAME, { aaaa: ['::1'] });
    await rig.pass(31_000);
    await watched.says('');
  });

  it('is shown in one line, whatever it is called', async () => {
    await start();
    const externalName = `\u001b[2J\nspoofed ${'x'.repeat(10_000)}`;
    rig.server.cluster.put('services', service('db', { type: 'ExternalName', externalName }));
    const watched = rig.watch('db:web');
    await watched.says(/^unknown: it is an ExternalName/);
    expect(watched.said[0])
      .to.have.length.below(300)
      .and.to.match(/^[\x20-\x7e…]*$/);
  });

  it('does not change to the other family because the preferred one fails', async () => {
    await start();
    dns.answers.set(`${NAME}/A`, SERVFAIL);
    dns.answers.set(`${NAME}/AAAA`, { aaaa: ['fd00::1'] });
    await rig.watch('db').fails();
  });

  it('that becomes an ordinary service is one at once', async () => {
    await start();
    dns.answers.set(NAME, { a: ['10.0.0.1'] });
    const watched = rig.watch('db');
    await watched.says('10.0.0.1:80');
    rig.server.cluster.put(
      'endpointslices',
      slice({ name: 'db-1', service: 'db', endpoints: [{ addresses: ['10.0.0.7'] }] }),
    );
    await rig.until(() => rig.clock.pending > 0, 'nothing waits');
    await rig.pass(40, 20);
    await watched.says('10.0.0.7:8080');
  });

  it('is left at once, also while DNS does not answer', async () => {
    await start();
    dns.answers.set(NAME, undefined);
    const watched = rig.watch('db');
    await rig.until(() => asked() > 0, 'no question');
    await watched.end();
    expect(process.getActiveResourcesInfo().filter((one) => /QUERYWRAP|CARES|DNS/i.test(one))).to.deep.equal(
      [],
    );
  });
});
