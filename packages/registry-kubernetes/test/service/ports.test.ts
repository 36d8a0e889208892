import { expect } from 'chai';
import { choosePort, type PortChoice, type ServicePorts } from '../../dist/service/ports.js';
import type { Slice } from '../../dist/slice.js';

/** `http:8080 metrics:9090`, `:8080` for a port without a name. */
function sliceOf(ports: string, instances = 1): Slice {
  const list = ports
    .split(' ')
    .filter((part) => part !== '')
    .map((part) => {
      const [name = '', port] = part.split(':');
      return { name, port: Number(port), protocol: undefined };
    });
  return {
    name: 's',
    service: 'orders',
    family: 'IPv4',
    ports: list,
    portless: list.length === 0,
    instances: Array(instances).fill({}),
    problems: [],
  };
}

const choose = (
  slices: readonly string[],
  asked?: number | string,
  service?: ServicePorts | string,
): PortChoice =>
  choosePort(
    slices.map((ports) => sliceOf(ports)),
    asked,
    service,
  );
const named = (name: string): PortChoice => ({ kind: 'named', name });
const SERVICE: ServicePorts = [
  { name: 'web', port: 80 },
  { name: 'metrics', port: 9090 },
  { name: 'admin', port: 8443 },
];

describe('which port is meant', () => {
  for (const [what, choice, expected] of [
    ['the sole one, whatever was asked', choose(['http:8080'], 1234), named('http')],
    ['the sole one, without a name', choose([':8080']), named('')],
    ['the sole one, with another number in each slice', choose(['http:8080', 'http:8081']), named('http')],
    ['the one that is asked for by name', choose(['web:8080 metrics:9000'], 'metrics'), named('metrics')],
    [
      'the one named, while there is none yet',
      choosePort([sliceOf('', 0)], 'http', undefined),
      named('http'),
    ],
    [
      'of several, what the Service tells',
      choose(['web:8080 metrics:9000'], 9090, SERVICE),
      named('metrics'),
    ],
    ['of several, and before that is known', choose(['web:8080 metrics:9000'], 9090), { kind: 'ask' }],
    ['of several, no port: that of 80', choose(['web:8080 metrics:9000'], undefined, SERVICE), named('web')],
    [
      "the Service's number before a target's",
      choose(['web:9090 metrics:9000'], 9090, SERVICE),
      named('metrics'),
    ],
    ['a target port', choose(['web:8080 metrics:9000'], 9000, SERVICE), named('metrics')],
    [
      'a target port, where the Service cannot be read',
      choose(['web:8080 metrics:9000'], 9000, 'forbidden'),
      named('metrics'),
    ],
    [
      'a target port of 80, with no port asked',
      choose(['web:80 metrics:9000'], undefined, 'forbidden'),
      named('web'),
    ],
    [
      'the one called http, for 80',
      choose(['http:8080 metrics:9000'], undefined, 'forbidden'),
      named('http'),
    ],
    ['the one called https, for 443', choose(['https:8443 http:8080'], 443, 'forbidden'), named('https')],
    [
      "the Service's, though no slice has it: then the target",
      choose(['a:8080 b:9090'], 9090, [{ name: 'gone', port: 1 }]),
      named('b'),
    ],
    ['none listed: what the URL says', choose([''], 8080), { kind: 'number', port: 8080 }],
    ['none listed, none asked: 80', choose(['']), { kind: 'number', port: 80 }],
    [
      'some slices without ports count for nothing beside others',
      choose(['', 'http:8080'], 9),
      named('http'),
    ],
    ['nothing there at all', choosePort([], 9, undefined), named('')],
  ] as const) {
    it(what, () => expect(choice).to.deep.equal(expected));
  }

  for (const [what, choice, reason] of [
    [
      'a name that no slice has',
      choose(['web:8080'], 'metrics'),
      "it has no port named 'metrics', only web (target 8080): write the port's number, or its name as in http://_web._tcp.orders/",
    ],
    ['a name, with control characters', choose(['web:8080'], 'a\nb'), /no port named 'a\\u000ab'/],
    [
      'a number that nothing has',
      choose(['web:8080 metrics:9000', 'web:8081 metrics:9000'], 5, SERVICE),
      /^it has no port 5, only web \(80, target 8080 or 8081\), metrics \(9090, target 9000\), admin \(8443, target none\): write/,
    ],
    [
      '80, of several, and nobody knows',
      choose(['a:8080 b:9000'], undefined, 'the account may not'),
      /^which of its ports is meant cannot be looked up, as the account may not; its pods have a \(target 8080\), b \(target 9000\): write/,
    ],
    [
      'very many',
      choose([Array.from({ length: 30 }, (_, n) => `p${n}:${n + 1000}`).join(' ')], 5, 'x'),
      /p19 \(target 1019\), and 10 more: /,
    ],
  ] as const) {
    it(`none: ${what}`, () => {
      if (choice.kind !== 'none') throw new Error(choice.kind);
      if (typeof reason === 'string') expect(choice.reason).to.equal(reason);
      else expect(choice.reason).to.match(reason);
    });
  }
});
