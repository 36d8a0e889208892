import { toStderr } from './build/build.js';
import { startConsul } from './consul/start.js';
import { ServersError } from './errors.js';
import { startKubernetes } from './kubernetes/start.js';

/** A server that runs for somebody at a terminal. */
interface Served {
  /** With `--json`, printed as they are. */
  readonly facts: Readonly<Record<string, string>>;
  /** What to type next. */
  readonly hint: string;
  close(): Promise<void>;
}

interface Kind {
  readonly about: string;
  start(): Promise<Served>;
}

/** CoreDNS and Eureka get their rows here. */
const KINDS: Readonly<Record<string, Kind>> = {
  consul: {
    about: 'a Consul agent that is its own server and keeps nothing',
    async start() {
      const agent = await startConsul();
      const { origin, ports, directory } = agent;
      return {
        facts: { kind: 'consul', origin, dns: `127.0.0.1:${ports.dns}`, directory },
        hint: `export CONSUL_HTTP_ADDR=${origin}`,
        close: () => agent.close(),
      };
    },
  },
  kubernetes: {
    about: 'etcd, kube-apiserver and kube-controller-manager, without a kubelet',
    async start() {
      const cluster = await startKubernetes();
      const { origin, kubeconfig, caFile, directory } = cluster;
      return {
        facts: { kind: 'kubernetes', origin, kubeconfig, caFile, directory },
        hint: `export KUBECONFIG=${kubeconfig}`,
        close: () => cluster.close(),
      };
    },
  },
};

/** How often it is looked whether the npm that started this is still there. */
const ORPHAN_MS = 1_000;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * `npm run servers -- <kind> [--json]`: runs a server until a signal ends it. On standard output only the kinds, or what to
 * know about the server; with `--json` as one object.
 *
 * @throws ServersError `not-available` for an unknown kind too
 */
export async function serve(args: readonly string[]): Promise<void> {
  const json = args.includes('--json');
  const [name, ...more] = args.filter((arg) => arg !== '--json');
  const list = Object.entries(KINDS).map(([kind, { about }]) => `  ${kind}: ${about}`);
  if (name === undefined) {
    const kinds = Object.entries(KINDS).map(([kind, { about }]) => ({ kind, about }));
    console.log(json ? JSON.stringify({ kinds }) : `npm run servers -- <kind> [--json]\n${list.join('\n')}`);
    return;
  }
  const kind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
  if (kind === undefined || more.length > 0) {
    const wrong =
      kind === undefined ? `there is no server '${name}'` : `one kind at a time, not '${more.join(' ')}' too`;
    throw new ServersError('not-available', `${wrong}; the kinds are:\n${list.join('\n')}`);
  }
  // From now on, so that a signal during the start is not lost, nor leaves a half of a cluster behind.
  const asked = new Promise<void>((resolve) => {
    for (const signal of SIGNALS) process.on(signal, () => resolve());
  });
  const started = performance.now();
  const served = await kind.start();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (json) console.log(JSON.stringify({ ...served.facts, pid: process.pid }));
  else {
    for (const [fact, value] of Object.entries(served.facts)) console.log(`${fact.padEnd(12)}${value}`);
    console.log(`\n${served.hint}\n`);
    toStderr(`ready after ${seconds} s; Ctrl-C ends it`);
  }
  // npm ends without passing a signal on when it is not a terminal that sends it: then nobody is left to wait for.
  const parent = process.ppid;
  const orphaned = new Promise<void>((resolve) => {
    if (process.env.npm_lifecycle_event === undefined) return;
    setInterval(() => process.ppid !== parent && resolve(), ORPHAN_MS).unref();
  });
  // Signals alone keep no process alive; the servers' processes do, until one of them ends.
  await Promise.race([asked, orphaned]);
  await served.close();
}
