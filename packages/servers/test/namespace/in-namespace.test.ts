import { checkNamespace, dropPackets, inNamespace, required } from '@crowfly/servers';
import { expect } from 'chai';

const PROGRAM = new URL('support/pooled-connection.ts', import.meta.url);

describe('a program in a network namespace', () => {
  before(async function () {
    await required(this, checkNamespace);
  });

  for (const [family, addresses] of [
    ['IPv4', ['10.77.0.1', '10.77.0.2']],
    ['IPv6', ['fd77::1', 'fd77::2']],
  ] as const) {
    it(`sees an ${family} address vanish: pooled and new connections hang without an error, others go on`, async () => {
      const { stdout, stderr, code } = await inNamespace(PROGRAM, { args: addresses });
      expect(code, stderr).to.equal(0);
      expect(JSON.parse(stdout)).to.deep.equal({
        before: ['new', 'pooled'],
        during: ['hangs', 'hangs', 'new'],
        after: ['pooled', 'new'],
      });
    }).timeout(60_000);
  }

  it('has the addresses it asks for, and no way out', async () => {
    const program = `import { networkInterfaces } from 'node:os';
      console.log(JSON.stringify(Object.values(networkInterfaces()).flat().map((one) => one.address)));`;
    const url = `data:text/javascript,${encodeURIComponent(program)}`;
    const { stdout, stderr } = await inNamespace('', {
      execArgv: ['--input-type=module', '--eval', `await import(${JSON.stringify(url)})`],
      addresses: ['10.77.0.3', 'fd77::3'],
    });
    expect(JSON.parse(stdout || stderr)).to.have.members(['127.0.0.1', '10.77.0.3', '::1', 'fd77::3']);
  });

  it('tells how the program ended', async () => {
    const { code } = await inNamespace('', { execArgv: ['--eval', 'process.exit(7)'] });
    expect(code).to.equal(7);
  });
});

describe('a network namespace', () => {
  it('is required by what would change the network', async () => {
    const error = await dropPackets('10.77.0.1').then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error?.message).to.match(/inNamespace/);
  });

  it('is reported as missing with what to install', async () => {
    const path = process.env.PATH;
    process.env.PATH = '/nonexistent';
    try {
      const error = await checkNamespace().then(
        () => undefined,
        (reason: Error) => reason,
      );
      expect(error).to.include({ name: 'ServersError', code: 'not-available' });
      expect(error?.message).to.match(/iproute2/);
    } finally {
      process.env.PATH = path;
    }
  });
});
