import {
  check,
  checkOptions,
  nameFault,
  type RegistryFactory,
  type ServiceRef,
  suggest,
  type Target,
} from '@crowfly/core';
import { type Answer, tell, untilAborted } from '../answer.js';
import { locateByName } from '../locate.js';
import { type EnvironmentService, parseEnvironment } from './parse.js';

export interface EnvironmentOptions {
  /** The variables. Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * A registry of the services that Kubernetes writes into each pod's environment. The variables are read once, when the
 * discovery opens the registry: Kubernetes sets them when the pod starts and never changes them.
 *
 * `http://orders/` is the service's first port, `http://orders:8081/` and `http://_metrics._tcp.orders/` are others. The
 * address is the Service's own (its cluster IP), so there is one instance and Kubernetes balances behind it.
 */
export function environment(options: EnvironmentOptions = {}): RegistryFactory {
  checkOptions('environment', options, { env: check.anyObject });
  return () => {
    const services = parseEnvironment(options.env ?? process.env);
    return {
      kind: 'environment',
      id: 'environment',
      supports: { unknown: true },
      locate,
      watch(service, feed) {
        if (feed.signal.aborted) return untilAborted(feed.signal);
        for (const problem of services.get(service.key)?.problems ?? []) feed.report(problem);
        tell(feed, answer(services, service));
        return untilAborted(feed.signal);
      },
    };
  };
}

/** `orders`, `orders:8081`, `orders:http`, `_http._tcp.orders`; `my_svc` and `my-svc` are the same variables. */
function locate(target: Target): ServiceRef | undefined {
  const host = typeof target === 'string' ? target : target.host;
  const named =
    /^_([a-z0-9-]{1,63})\._tcp\.([^.:]+)$/.exec(host) ??
    (typeof target === 'string' ? splitNamed(host) : null);
  const [, port, name] = named ?? [];
  if (port !== undefined && name !== undefined) {
    if (nameFault(name) !== undefined || name === 'localhost') return undefined;
    return { key: canonical(name), port };
  }
  const ref = locateByName(target, () => false);
  return ref && { ...ref, key: canonical(ref.key) };
}

function splitNamed(text: string): readonly (string | undefined)[] | null {
  const match = /^([^.:]+):([a-z0-9-]*[a-z][a-z0-9-]*)$/.exec(text);
  return match && [match[0], match[2], match[1]];
}

const canonical = (name: string): string => name.replaceAll('_', '-');
const variable = (name: string): string => name.toUpperCase().replaceAll('-', '_');

function answer(services: ReadonlyMap<string, EnvironmentService>, { key, port }: ServiceRef): Answer {
  const service = services.get(key);
  const prefix = variable(key);
  if (service === undefined) {
    const hint = suggest(key, [...services.keys()].slice(0, 1000));
    return { unknown: `the environment has no ${prefix}_SERVICE_HOST: ${hint}` };
  }
  const { endpoints, named, problems } = service;
  const first = endpoints[0];
  const endpoint =
    port === undefined
      ? first
      : typeof port === 'number'
        ? endpoints.find((e) => e.port === port)
        : named.get(port);
  if (endpoint !== undefined) return { endpoints: [endpoint] };
  const wrong = problems.map(({ detail }) => detail).join('; ');
  if (first === undefined || wrong !== '')
    return { unknown: `the environment does not say where '${key}' is: ${wrong}` };
  const names = [...named].map(([name, { port: number }]) => `${number} (${name})`);
  const ports = names.length > 0 ? names.join(', ') : String(first.port);
  return { unknown: `the environment has no port ${port} of '${key}', only ${ports}: write http://${key}/` };
}
