import { randomUUID } from 'node:crypto';

export interface Tally {
  readonly calls: number;
  /** Rejected, a status of 500 and more, or no answer within `lateMs`: by method, with the first reasons. */
  readonly failures: { readonly GET: number; readonly POST: number };
  readonly reasons: readonly string[];
  readonly slowestMs: number;
  /** Answers by pod. */
  readonly pods: Readonly<Record<string, number>>;
}

export interface LoadOptions {
  readonly url: string;
  readonly perSecond: number;
  /** Every so many calls one is a POST, which may not be sent twice; 0: none. */
  readonly postEvery: number;
  readonly lateMs: number;
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** An open loop: calls begin at a steady rate, whatever becomes of those before. */
export class Load {
  readonly #o: LoadOptions;
  readonly #open = new Set<Promise<void>>();
  readonly #failures = { GET: 0, POST: 0 };
  readonly #reasons: string[] = [];
  readonly #pods: Record<string, number> = {};
  #calls = 0;
  #slowest = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LoadOptions) {
    this.#o = options;
  }

  start(): void {
    const began = performance.now();
    let due = 0;
    this.#timer = setInterval(() => {
      for (; due < ((performance.now() - began) / 1000) * this.#o.perSecond; due++) this.#begin();
    }, 2);
  }

  async stop(): Promise<Tally> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    return {
      calls: this.#calls,
      failures: { ...this.#failures },
      reasons: this.#reasons,
      slowestMs: Math.round(this.#slowest),
      pods: this.#pods,
    };
  }

  /** Forgets who answered so far. */
  forgetPods(): void {
    for (const pod of Object.keys(this.#pods)) delete this.#pods[pod];
  }

  get pods(): Readonly<Record<string, number>> {
    return this.#pods;
  }

  #begin(): void {
    const { postEvery } = this.#o;
    const post = postEvery > 0 && this.#calls++ % postEvery === 0;
    if (postEvery === 0) this.#calls++;
    const call = this.#call(post ? 'POST' : 'GET').finally(() => this.#open.delete(call));
    this.#open.add(call);
  }

  async #call(method: 'GET' | 'POST'): Promise<void> {
    const { fetch, url, lateMs } = this.#o;
    const began = performance.now();
    let reason: string | undefined;
    try {
      const response = await fetch(url, {
        method,
        ...(method === 'POST' ? { body: 'pay', headers: { 'x-id': randomUUID() } } : {}),
      });
      const pod = await response.text();
      if (response.status >= 500) reason = `status ${response.status}`;
      else this.#pods[pod] = (this.#pods[pod] ?? 0) + 1;
    } catch (error) {
      reason = error instanceof Error ? `${error.message} ${String(error.cause ?? '')}` : String(error);
    }
    const tookMs = performance.now() - began;
    if (method === 'GET') this.#slowest = Math.max(this.#slowest, tookMs);
    if (tookMs > lateMs) reason ??= `answered after ${Math.round(tookMs)} ms`;
    if (reason === undefined) return;
    this.#failures[method]++;
    if (this.#reasons.length < 5) this.#reasons.push(`${method}: ${reason}`);
  }
}
