import { isDeepStrictEqual } from 'node:util';
import { isCrowflyError, kindOf, type Registry, type ServiceRef, type Target } from '@crowfly/core';
import type { Check } from '../check.js';
import { Breach } from '../rules.js';
import type { Stage } from '../stage.js';

const FOREIGN: readonly Target[] = [
  '',
  ' ',
  '.',
  '..',
  '../x',
  '/etc/passwd',
  'a/b',
  'a b',
  'a\u0000b',
  'a\nb',
  '%2e%2e%2f',
  'user@host',
  'x?y=1',
  'x#y',
  '__proto__',
  'constructor',
  'localhost',
  '192.0.2.1',
  '2001:db8::1',
  '2024',
  '0x7f.1',
  'www.example.com',
  'bücher.example',
  'UPPER.Case',
  'x'.repeat(100_000),
  ...[
    'www.example.com',
    'localhost',
    '192.0.2.1',
    '2001:db8::1',
    'xn--bcher-kva.example',
    'a_b',
    '__proto__',
  ].map((host): Target => ({ scheme: 'http', host })),
  { scheme: 'https', host: 'www.example.com', port: 8443 },
];

/** Names of services and of the registry itself. */
export const nameChecks: readonly Check[] = [
  {
    rule: 'locate',
    title: 'every spelling of a service leads to one key, and the key leads to itself',
    async run(stage) {
      const service = stage.name();
      const { key } = stage.locate(service);
      for (const target of stage.targets(service)) {
        const ref = stage.registry.locate(target);
        if (ref?.key !== key) {
          throw broken(
            `${show(target)} leads to ${ref === undefined ? 'nothing' : `'${ref.key}'`}, another spelling of the same service to '${key}'`,
            'Give one key for all spellings, names and URL forms alike',
          );
        }
      }
      const again = stage.registry.locate(key)?.key;
      if (again !== key) {
        throw broken(
          `locate('${key}') gives ${again === undefined ? 'nothing' : `'${again}'`}, although that is a key it gave`,
          'Make the key a name that locate() understands, so that settings and stored sets can use it',
        );
      }
    },
  },
  {
    rule: 'locate',
    title: 'the same question has the same answer, whatever happens at the backend',
    async run(stage) {
      const service = stage.name();
      const other = stage.open();
      const ask = (registry: Registry): unknown =>
        stage.targets(service).map((target) => checkRef(registry.locate(target), target));
      const requests = stage.requests;
      const before = ask(stage.registry);
      if (stage.requests > requests || stage.clock.pending > 0) {
        throw broken(
          'locate() made a request or started a timer',
          'Answer from the name alone: it is called on the path of a call',
        );
      }
      if (!isDeepStrictEqual(ask(stage.registry), before))
        throw broken('the second answer differed from the first', 'Answer from the name alone');
      if (!isDeepStrictEqual(ask(other), before))
        throw broken('two registries of one factory gave different answers', 'Answer from the name alone');
      await stage.put(service, stage.instances(1));
      if (!isDeepStrictEqual(ask(stage.registry), before))
        throw broken('the answer changed when the service came into being', 'Answer from the name alone');
    },
  },
  {
    rule: 'locate',
    title: 'names of others, hostile ones too, are answered with undefined or a bad-name error',
    async run(stage) {
      for (const target of FOREIGN) tryForeign(stage, target);
    },
  },
  {
    rule: 'id',
    title: 'kind and id are the same in each process, and hold no secret',
    async run(stage) {
      const registries = [stage.registry, stage.open()];
      for (const { id, kind } of registries) {
        if (typeof id !== 'string' || id === '')
          throw new Breach('id', `the id is ${kindOf(id)}`, "Name the backend: 'consul:https://c1:8501/dc1'");
        if (typeof kind !== 'string' || kind === '')
          throw new Breach('id', `the kind is ${kindOf(kind)}`, "Name the sort of registry: 'consul'");
        const secret = (stage.harness.secrets ?? []).some((value) => value !== '' && id.includes(value));
        if (
          secret ||
          /\/\/[^/\s]*:[^/\s]*@/.test(id) ||
          /(?:token|secret|passw(?:or)?d|api-?key)=[^&\s]/i.test(id)
        ) {
          throw new Breach(
            'id',
            'the id contains a secret',
            'Leave user info, tokens and query parameters out of it: it stands in errors and file names',
          );
        }
      }
      if (registries[0]?.id !== registries[1]?.id) {
        throw new Breach(
          'id',
          'two registries of one factory have different ids',
          'Make the id from the options alone: sets stored on disk are found by it',
        );
      }
    },
  },
  {
    rule: 'id',
    title: "'supports' says what the adapter can tell",
    async run(stage) {
      const { supports } = stage.registry;
      if (typeof supports !== 'object' || supports === null || typeof supports.unknown !== 'boolean') {
        throw new Breach(
          'id',
          'supports.unknown is not true or false',
          'Say whether the backend tells "no such service" from "no instance at the moment"',
        );
      }
    },
  },
];

function tryForeign(stage: Stage, target: Target): void {
  let ref: ServiceRef | undefined;
  try {
    ref = stage.registry.locate(target);
  } catch (error) {
    if (isCrowflyError(error, 'bad-name')) return;
    throw broken(
      `locate(${show(target)}) threw ${error instanceof Error ? `${error.name}: ${error.message}` : kindOf(error)}`,
      "Return undefined for names of others; throw only CrowflyError 'bad-name', for a name of yours that cannot be meant",
      error,
    );
  }
  checkRef(ref, target);
}

function checkRef(ref: ServiceRef | undefined, target: Target): ServiceRef | undefined {
  if (ref === undefined) return undefined;
  const port = ref?.port;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  const goodKey = typeof ref?.key === 'string' && ref.key !== '' && !/[\u0000-\u001f\u007f]/.test(ref.key);
  if (goodKey && (port === undefined || typeof port === 'string' || typeof port === 'number')) return ref;
  throw broken(
    `locate(${show(target)}) answered with a reference whose key or port is no good`,
    'A key is text without control characters, a port a number or a name',
  );
}

function broken(what: string, fix: string, cause?: unknown): Breach {
  return new Breach('locate', what, fix, cause);
}

function show(target: Target): string {
  const text = JSON.stringify(target);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
