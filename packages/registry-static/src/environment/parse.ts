import { type Endpoint, nameFault } from '@crowfly/core';
import { readHost, readPort, showAddress } from '../address.js';
import { Flaw } from '../flaw.js';

/** One service of the environment. */
export interface EnvironmentService {
  /** By port number and by port name; the first one is the service's first port. */
  readonly endpoints: readonly Endpoint[];
  readonly named: ReadonlyMap<string, Endpoint>;
  readonly problems: readonly { readonly code: string; readonly detail: string; readonly entry: string }[];
}

const HOST_VARIABLE = /^([A-Z0-9][A-Z0-9_]{0,251})_SERVICE_HOST$/;

/**
 * The services that a pod's environment names: `ORDERS_SERVICE_HOST`, `ORDERS_SERVICE_PORT`, `ORDERS_SERVICE_PORT_HTTP`.
 * `MY_SVC` is the service `my-svc`. Bad values become problems that name the variable, and never its value.
 */
export function parseEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): ReadonlyMap<string, EnvironmentService> {
  const services = new Map<string, EnvironmentService>();
  const variables = Object.keys(env).sort();
  for (const variable of variables) {
    const prefix = HOST_VARIABLE.exec(variable)?.[1];
    if (prefix === undefined || env[variable] === '') continue;
    const name = toName(prefix);
    if (nameFault(name) !== undefined) continue;
    services.set(name, readService(prefix, env, variables));
  }
  return services;
}

/** `MY_SVC` as Kubernetes writes it, back to `my-svc`. */
function toName(variablePart: string): string {
  return variablePart.toLowerCase().replaceAll('_', '-');
}

function readService(
  prefix: string,
  env: Readonly<Record<string, string | undefined>>,
  variables: readonly string[],
): EnvironmentService {
  const problems: { code: string; detail: string; entry: string }[] = [];
  const named = new Map<string, Endpoint>();
  const byPort = new Map<number, Endpoint>();
  const read = <T>(variable: string, reader: (value: unknown) => T | Flaw, what: string): T | undefined => {
    const value = reader(env[variable]);
    if (!(value instanceof Flaw)) return value;
    const detail = `${variable} ${env[variable] === undefined ? 'is not set' : 'is wrong'}: expected ${what}`;
    problems.push({ code: value.code, detail, entry: variable });
    return undefined;
  };
  const host = read(`${prefix}_SERVICE_HOST`, readHost, 'an IP address or a DNS name');
  const add = (variable: string, portName?: string): void => {
    const port = read(variable, readPort, 'a port, 1 to 65535');
    if (port === undefined || host === undefined) return;
    const known = byPort.get(port);
    // A port that is called https speaks it; the first port has no name here, only the number of one that has.
    const endpoint: Endpoint = Object.freeze({
      id: showAddress(host, port),
      host,
      port,
      ...(portName === 'https' || known?.protocol === 'https' ? { protocol: 'https' as const } : {}),
    });
    byPort.set(port, endpoint);
    if (portName !== undefined) named.set(portName, endpoint);
  };
  add(`${prefix}_SERVICE_PORT`);
  const ports = `${prefix}_SERVICE_PORT_`;
  for (const variable of variables) {
    // `ORDERS_SERVICE_PORT_X_SERVICE_HOST` belongs to a service of its own.
    if (
      variable.startsWith(ports) &&
      !/_SERVICE_(?:HOST|PORT)(?:_|$)/.test(variable.slice(ports.length - 1))
    ) {
      add(variable, toName(variable.slice(ports.length)));
    }
  }
  return { endpoints: [...byPort.values()], named, problems };
}
