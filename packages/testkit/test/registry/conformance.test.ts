import { type RegistryHarness, registryConformance, scriptedRegistry } from '@crowfly/testkit';
import { expect } from 'chai';
import { harness } from './support/harness.js';
import { conform } from './support/run.js';

describe('registryConformance', function () {
  this.timeout(60_000);

  it('passes an adapter that declares everything, with every rule checked', async () => {
    const { failed, passed, pending, lines } = await conform({ name: 'memory', setup: () => harness() });
    expect(failed).to.deep.equal([]);
    expect(pending.map((title) => title.replace(/^.*left out: /, ''))).to.deep.equal([
      'give setup().maxInstances (above 50) to have a service filled)',
    ]);
    expect(passed.length).to.be.greaterThan(40);
    expect(lines[0]).to.match(
      /^memory: kept rule 1 \(\d+\), rule 2 \(\d+\), .*rule 11 \(\d+\), locate \(\d+\)/,
    );
  });

  it('passes a backend that can do little, and prints each rule that it leaves out with its reason', async () => {
    const { failed, lines, pending } = await conform({ name: 'fixed', setup: fixed });
    expect(failed).to.deep.equal([]);
    const text = lines.join('\n');
    expect(text).to.include('left out, rule 2: without fail: a list in memory cannot fail (2 checks)');
    expect(text).to.include('left out, rule 4: without change: the list is given once (3 checks)');
    expect(text).to.include('left out, rule 5: supports.resync is not declared (1 check)');
    expect(text).to.include('left out, rule 8: supports.silenceMs is not declared');
    expect(text).to.include('note, rule 10: the kit saw no request of this adapter');
    expect(pending.find((title) => title.includes('rule 5'))).to.match(
      /\(left out: supports.resync is not declared\)$/,
    );
  });

  for (const [name, rule] of [
    ['fail', 2],
    ['malformedEntry', 6],
    ['malformedWhole', 6],
    ['cut', 5],
    ['freeze', 8],
    ['rotateCredentials', 9],
    ['deny', 9],
  ] as const) {
    it(`fails rule ${rule} and says what to provide when setup() gave no ${name}()`, async () => {
      const setup = (): RegistryHarness => {
        const { [name]: _, ...rest } = harness();
        return rest;
      };
      const { failed } = await conform({ name: 'lazy', setup }, new RegExp(`rule ${rule} `));
      const hint = `setup() gave no ${name}(). Provide it, or say why this backend cannot do it: without: { ${name}: '<the reason>' }`;
      expect(
        failed.some(({ message }) => message.startsWith(`rule ${rule} (`) && message.includes(hint)),
      ).to.equal(true);
    });
  }

  it('says which rules are broken in the closing summary', async () => {
    const { lines } = await conform(
      { name: 'broken', setup: () => harness('secret in id') },
      /conformance id /,
    );
    expect(lines.slice(0, 2)).to.deep.equal(['broken: kept id (1)', '  broken, id (1)']);
  });

  it('ends the backend once, also after failures', async () => {
    let closed = 0;
    const setup = (): RegistryHarness => ({ ...harness('id per process'), close: () => void closed++ });
    await conform({ name: 'closing', setup }, /conformance id /);
    expect(closed).to.equal(1);
  });

  it('leaves nothing behind at the backend', async () => {
    const left = new Set<string>();
    const setup = (): RegistryHarness => {
      const given = harness();
      return {
        ...given,
        put(service, endpoints) {
          left.add(service);
          return given.put(service, endpoints);
        },
        remove(service) {
          left.delete(service);
          return given.remove(service);
        },
      };
    };
    await conform({ name: 'tidy', setup }, /rule [1347] /);
    expect([...left]).to.deep.equal([]);
  });

  it('runs on a scripted registry', async () => {
    const { failed } = await conform({ name: 'scripted', setup: scripted });
    expect(failed).to.deep.equal([]);
  });

  for (const [what, setup, message] of [
    [
      'an unknown function',
      () => ({ ...harness(), mend: () => {} }),
      'setup().mend: there is no such option; there are',
    ],
    ['no put', () => ({ ...harness(), put: undefined }), 'setup().put: expected a function, got undefined'],
    [
      'fail without heal',
      () => ({ ...harness(), heal: undefined }),
      'setup().heal is missing: it ends what fail begins',
    ],
    [
      'a function that without denies',
      () => ({ ...harness(), without: { cut: 'no' } }),
      'setup().without.cut contradicts setup().cut',
    ],
    [
      'a reason that is none',
      () => ({ ...fixed(), without: { fail: '' } }),
      'setup().without.fail: expected a non-empty string',
    ],
    [
      'an ability that there is not',
      () => ({ ...fixed(), without: { fall: 'x' } }),
      "setup().without.fall: there is no such option; did you mean 'fail'?",
    ],
  ] as const) {
    it(`refuses a setup with ${what}, and says where`, async () => {
      const { failed } = await conform({ name: 'odd', setup: setup as () => RegistryHarness }, /rule 1 /);
      expect(failed).to.have.length(1);
      expect(failed[0]?.title).to.include('"before all" hook');
      expect(failed[0]?.message).to.include(message);
    });
  }

  it('refuses options that are unknown or wrong, with the path of the key', () => {
    const options = { name: 'x', setup: () => harness() };
    expect(() => registryConformance({ ...options, timeoutMS: 1 } as never)).to.throw(
      "registryConformance.timeoutMS: there is no such option; did you mean 'timeoutMs'?",
    );
    expect(() => registryConformance({ ...options, quietMs: 0 })).to.throw(
      'registryConformance.quietMs: expected milliseconds',
    );
    expect(() => registryConformance({ setup: options.setup } as never)).to.throw(
      'registryConformance.name: expected a non-empty string',
    );
  });
});

/** An inline list: given once, when the registry is opened. */
function fixed(): RegistryHarness {
  const services = new Map<string, Parameters<RegistryHarness['put']>[1]>();
  return {
    factory: (context) =>
      scriptedRegistry({ supports: { unknown: true }, services: Object.fromEntries(services) }).factory(
        context,
      ),
    put: (service, endpoints) => void services.set(service, endpoints),
    remove: (service) => void services.delete(service),
    without: {
      change: 'the list is given once',
      fail: 'a list in memory cannot fail',
      malformedEntry: 'options are refused when they are wrong',
      malformedWhole: 'options are refused when they are wrong',
    },
  };
}

function scripted(): RegistryHarness {
  const registry = scriptedRegistry();
  return {
    factory: registry.factory,
    put: (service, endpoints) => registry.put(service, endpoints),
    remove: (service) => registry.remove(service),
    fail: () => registry.fail(),
    heal: () => registry.heal(),
    malformedEntry: (service, endpoints) =>
      registry.put(service, endpoints, [{ code: 'bad-entry', detail: 'scripted' }]),
    malformedWhole: (service) => registry.fail(new Error('scripted nonsense'), service),
    async cut(change) {
      registry.hang();
      await change();
      registry.drop();
      registry.heal();
    },
    maxInstances: 20_000,
  };
}
