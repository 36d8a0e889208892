import { printable } from '@crowfly/core';
import type { Slice } from '../slice.js';

/** Ports as the Service object lists them: what callers ask for, and what the slices call it. */
export type ServicePorts = readonly { readonly name: string; readonly port: number }[];

/** Which port of each slice is meant. */
export type PortChoice =
  /** The one of this name. */
  | { readonly kind: 'named'; readonly name: string }
  /** The slices list none (a headless service without ports): what the URL says, as with DNS. */
  | { readonly kind: 'number'; readonly port: number }
  /** Only the Service object can tell. */
  | { readonly kind: 'ask' }
  | { readonly kind: 'none'; readonly reason: string };

/** A choice that slices can be read by. */
export type Usable = Extract<PortChoice, { kind: 'named' | 'number' }>;

const MAX_LISTED = 20;

/**
 * The slices' sole port; else the Service's port that equals the URL's; else a target port of that number; else the port
 * named as the scheme; else none.
 *
 * @param asked a port's name; or its number; absent: 80, as in a URL without a port
 * @param service the Service's ports, the reason why they cannot be read, or `undefined` when nobody has asked yet
 */
export function choosePort(
  slices: Iterable<Slice>,
  asked: number | string | undefined,
  service: ServicePorts | string | undefined,
): PortChoice {
  const numbers = new Map<string, Set<number>>();
  let of = '';
  let portless = false;
  for (const { service: name, ports, portless: without, instances } of slices) {
    of = name;
    if (without && instances.length > 0) portless = true;
    for (const { name, port } of ports) {
      const known = numbers.get(name);
      if (known === undefined) numbers.set(name, new Set([port]));
      else known.add(port);
    }
  }
  if (typeof asked === 'string') {
    if (numbers.has(asked) || numbers.size === 0) return { kind: 'named', name: asked };
    return none(`has no port named '${printable(asked)}'`, numbers, service, of);
  }
  const [sole] = numbers.keys();
  if (sole === undefined)
    return portless ? { kind: 'number', port: asked ?? 80 } : { kind: 'named', name: '' };
  if (numbers.size === 1) return { kind: 'named', name: sole };
  if (service === undefined) return { kind: 'ask' };
  const wanted = asked ?? 80;
  const name =
    (typeof service === 'string' ? undefined : service.find(({ port }) => port === wanted)?.name) ??
    [...numbers].find(([, those]) => those.has(wanted))?.[0] ??
    { 80: 'http', 443: 'https' }[wanted];
  if (name !== undefined && numbers.has(name)) return { kind: 'named', name };
  return none(`has no port ${wanted}`, numbers, service, of);
}

function none(
  what: string,
  numbers: ReadonlyMap<string, ReadonlySet<number>>,
  service: ServicePorts | string | undefined,
  of: string,
): PortChoice {
  const target = (name: string): string => [...(numbers.get(name) ?? [])].join(' or ');
  const listed =
    typeof service === 'object'
      ? service.map(
          ({ name, port }) =>
            `${label(name)} (${port}${target(name) === String(port) ? '' : `, target ${target(name) || 'none'}`})`,
        )
      : [...numbers.keys()].map((name) => `${label(name)} (target ${target(name)})`);
  const more = listed.length > MAX_LISTED ? `, and ${listed.length - MAX_LISTED} more` : '';
  const named = [...numbers.keys()].find((name) => name !== '');
  const byName = named === undefined ? '' : `, or its name as in http://_${printable(named)}._tcp.${of}/`;
  const list = `${listed.slice(0, MAX_LISTED).join(', ')}${more}`;
  const reason =
    typeof service === 'string'
      ? `which of its ports is meant cannot be looked up, as ${service}; its pods have ${list}: write a target port's number${byName}`
      : `it ${what}, only ${list}: write the port's number${byName}`;
  return { kind: 'none', reason };
}

const label = (name: string): string => (name === '' ? 'one without a name' : printable(name));
