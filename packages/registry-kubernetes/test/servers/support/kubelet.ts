import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Kubernetes } from '@crowfly/servers';

const POLL_MS = 50;
const script = fileURLToPath(new URL('./instance.ts', import.meta.url));

interface Pod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName?: string };
  readonly status?: { readonly podIP?: string };
}

interface Running {
  readonly ip: string;
  readonly node: string;
  process: ChildProcess;
}

export interface KubeletOptions {
  readonly cluster: Kubernetes;
  readonly namespace: string;
  readonly nodes: readonly string[];
  /** Addresses that pods get, each once. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly log: string;
}

/** Scheduler, kubelet and container runtime of a small cluster: what it runs are real processes, one per pod. */
export class Kubelet {
  readonly #o: KubeletOptions;
  readonly #running = new Map<string, Running>();
  readonly #free: string[];
  #scheduled = 0;
  #stopped = false;
  #loop: Promise<void> | undefined;

  constructor(options: KubeletOptions) {
    this.#o = options;
    this.#free = [...options.addresses];
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** The pods that run now, with their addresses. */
  get pods(): readonly { readonly name: string; readonly ip: string; readonly node: string }[] {
    return [...this.#running].map(([name, { ip, node }]) => ({ name, ip, node }));
  }

  /** The container dies without notice. */
  kill(name: string): void {
    this.#running.get(name)?.process.kill('SIGKILL');
  }

  /** What the kubelet does about a container that died: the pod is not ready, then it runs again on the same address. */
  async restart(name: string): Promise<void> {
    const running = this.#running.get(name);
    if (running === undefined) return;
    await this.#o.cluster.ready(this.#o.namespace, name, false);
    running.process = await this.#launch(running.ip, name);
    await this.#o.cluster.ready(this.#o.namespace, name, true);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop;
    for (const { process } of this.#running.values()) process.kill('SIGKILL');
  }

  async #run(): Promise<void> {
    const { cluster, namespace } = this.#o;
    while (!this.#stopped) {
      try {
        const { items } = await cluster.ok<{ items: Pod[] }>('GET', `/api/v1/namespaces/${namespace}/pods`);
        for (const pod of items) await this.#tend(pod);
      } catch {
        // The API server is down: the containers do not mind.
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async #tend({ metadata: { name, deletionTimestamp }, spec, status }: Pod): Promise<void> {
    const { cluster, namespace, nodes } = this.#o;
    const running = this.#running.get(name);
    if (deletionTimestamp !== undefined) {
      if (running === undefined) return;
      this.#running.delete(name);
      running.process.once('exit', () => void cluster.finishDeletion(namespace, name).catch(() => {}));
      running.process.kill('SIGTERM');
    } else if (spec.nodeName === undefined) {
      const node = nodes[this.#scheduled++ % nodes.length] as string;
      const target = { apiVersion: 'v1', kind: 'Node', name: node };
      await cluster.ok('POST', `/api/v1/namespaces/${namespace}/pods/${name}/binding`, {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name },
        target,
      });
    } else if (running === undefined && status?.podIP === undefined) {
      const ip = this.#free.shift();
      if (ip === undefined) throw new Error('there is no free address for another pod');
      this.#running.set(name, { ip, node: spec.nodeName, process: await this.#launch(ip, name) });
      const conditions = [{ type: 'Ready', status: 'True' }];
      await cluster.ok(
        'PATCH',
        `/api/v1/namespaces/${namespace}/pods/${name}/status`,
        { status: { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions } },
        'application/merge-patch+json',
      );
    }
  }

  async #launch(ip: string, name: string): Promise<ChildProcess> {
    const { port, log } = this.#o;
    const child = spawn(process.execPath, [...process.execArgv, script, ip, String(port), name, log], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout?.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`pod ${name} ended with ${code} before it listened`)));
    });
    return child;
  }
}
