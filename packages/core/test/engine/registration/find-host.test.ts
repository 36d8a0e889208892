import { expect } from 'chai';
import { findHost } from '../../../dist/engine/registration/find-host.js';

const of = (...addresses: string[]) =>
  addresses.map((address) => ({ address, internal: address.startsWith('127.') || address === '::1' }));
const lo = of('127.0.0.1', '::1');

describe('the host of this machine', () => {
  it('is what the environment says, before anything that is found', () => {
    const found = findHost({ CROWFLY_SELF_HOST: '10.1.1.1' }, { lo, eth0: of('10.0.0.5') });
    expect(found).to.deep.equal({ host: '10.1.1.1', by: 'CROWFLY_SELF_HOST in the environment' });
  });

  it('is the address of its network, IPv4 before IPv6, and never one of the link', () => {
    const eth0 = of('fe80::1', '2001:db8::5', '169.254.1.1', '10.0.0.5');
    expect(findHost({}, { lo, eth0 })).to.deep.equal({ host: '10.0.0.5', by: 'the address of eth0' });
    expect(findHost({}, { lo, eth0: of('fe80::1', '2001:db8::5') }).host).to.equal('2001:db8::5');
  });

  it('is not that of a bridge of containers or a tunnel while there is another', () => {
    const bridges = { docker0: of('172.17.0.1'), 'br-12ab': of('172.18.0.1'), tun0: of('10.8.0.2') };
    const found = findHost({}, { lo, ...bridges, eth0: of('10.0.0.5') });
    expect(found).to.deep.equal({ host: '10.0.0.5', by: 'the address of eth0' });
    expect(findHost({}, { lo, ...bridges }).doubt)
      .to.contain('containers')
      .and.to.contain('CROWFLY_SELF_HOST');
  });

  it('is the first of several, and the others are named', () => {
    const found = findHost({}, { lo, eth0: of('10.0.0.5'), eth1: of('192.168.1.5') });
    expect(found.host).to.equal('10.0.0.5');
    expect(found.doubt).to.contain('192.168.1.5 (eth1)');
  });

  it('is the loopback address only where there is no other, and that is said', () => {
    const found = findHost({}, { lo });
    expect(found.host).to.equal('127.0.0.1');
    expect(found.doubt).to.contain('only this machine reaches it');
    expect(findHost({}, {}).host).to.equal('127.0.0.1');
  });
});
