import type { Readable } from 'node:stream';
import { type Clock, CrowflyError, printable } from '@crowfly/core';
import { brokenBody, failed, type Place, placeName } from './errors.js';
import type { Exchange } from './exchange.js';
import type { Plan } from './plan.js';
import { timeLimit } from './time-limit.js';
import type { RegistryAnswer } from './types.js';

/** An answer as a connection delivers it. */
export interface Head {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly multiplexed: boolean;
  readonly place: Place;
  /** There is nothing to read. */
  readonly empty: boolean;
  readonly source: Readable;
  /** Whether the source, which has ended, ended where the answer does. */
  complete(): boolean;
  /** What ended the connection, when it knows better than the source's error. */
  fault(): unknown;
  /** Frees the stream or connection. */
  discard(): void;
  /** While somebody waits for the whole body, the process must stay. */
  hold(): void;
  release(): void;
}

/** The body of one answer, read once, and never faster than it is taken. */
export class Answer implements RegistryAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly multiplexed: boolean;
  readonly #head: Head;
  readonly #plan: Plan;
  readonly #exchange: Exchange;
  readonly #clock: Clock;
  readonly #maxBytes: number;
  /** What every further read meets. */
  #end: { readonly error?: unknown } | undefined;
  #started = false;
  #wake: (() => void) | undefined;
  #cancelUnread: () => void = () => {};

  constructor(head: Head, plan: Plan, exchange: Exchange, clock: Clock, maxBytes: number) {
    this.status = head.status;
    this.headers = head.headers;
    this.multiplexed = head.multiplexed;
    this.#head = head;
    this.#plan = plan;
    this.#exchange = exchange;
    this.#clock = clock;
    this.#maxBytes = maxBytes;
    this.#listen();
  }

  async *chunks(): AsyncGenerator<Buffer, void, void> {
    this.#start();
    try {
      for (let chunk = await this.#next(false); chunk !== undefined; chunk = await this.#next(false)) {
        yield chunk;
      }
    } finally {
      this.cancel();
    }
  }

  async text(maxBytes = this.#maxBytes): Promise<string> {
    return (await this.#whole(maxBytes)).toString('utf8');
  }

  async json(maxBytes = this.#maxBytes): Promise<unknown> {
    const text = (await this.text(maxBytes)).replace(/^\ufeff/, '');
    try {
      return JSON.parse(text);
    } catch {
      // Without the cause: its message may quote any part of the text.
      throw this.#badData(`${this.status} ${this.#contentType()}, which is not JSON: ${this.#shown(text)}`);
    }
  }

  cancel(): void {
    this.#finish(
      { error: this.#error('bad-request', `the body of ${this.#plan.title} was cancelled`) },
      true,
    );
  }

  redact(text: string): string {
    return this.#plan.redact(text);
  }

  #listen(): void {
    const { source, empty } = this.#head;
    source.on('error', () => {});
    if (empty) {
      source.resume();
      this.#finish({}, false);
      return;
    }
    source.on('readable', () => this.#wake?.());
    source.on('end', () => this.#wake?.());
    source.on('close', () => this.#wake?.());
    this.#cancelUnread = timeLimit(this.#clock, this.#plan.answerMs, false, () => {
      const what = `nobody read the body of ${this.#plan.title} within ${this.#plan.answerMs} ms`;
      this.#finish({ error: this.#error('bad-request', what) }, true);
    });
    // Last, as it may have been stopped already.
    this.#exchange.onStop((reason) => this.#finish({ error: reason }, true));
  }

  /** The first end counts. */
  #finish(end: { readonly error?: unknown }, discard: boolean): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#cancelUnread();
    this.#exchange.end();
    if (discard) this.#head.discard();
    this.#wake?.();
  }

  #start(): void {
    if (this.#started) throw this.#error('bad-request', `the body of ${this.#plan.title} is read already`);
    this.#started = true;
    this.#cancelUnread();
    const encoding = this.headers['content-encoding'] ?? 'identity';
    if (encoding.toLowerCase() === 'identity') return;
    this.cancel();
    throw this.#badData(
      `content-encoding '${printable(encoding)}', which was not asked for: is there a proxy in between that compresses?`,
    );
  }

  async #whole(maxBytes: number): Promise<Buffer> {
    this.#start();
    this.#head.hold();
    try {
      // What is announced need not be read first.
      let size = Number(this.headers['content-length'] ?? 0);
      const chunks: Buffer[] = [];
      if (size <= maxBytes) {
        size = 0;
        for (let chunk = await this.#next(true); chunk !== undefined; chunk = await this.#next(true)) {
          size += chunk.length;
          if (size > maxBytes) break;
          chunks.push(chunk);
        }
      }
      if (size <= maxBytes) return Buffer.concat(chunks, size);
      throw this.#badData(
        `more than the ${maxBytes} bytes that are read at most: raise maxBytes if that is right`,
      );
    } finally {
      this.cancel();
      this.#head.release();
    }
  }

  /** @returns `undefined` at the end of the body */
  async #next(keepAlive: boolean): Promise<Buffer | undefined> {
    for (;;) {
      if (this.#end !== undefined) {
        if ('error' in this.#end) throw this.#end.error;
        return undefined;
      }
      const chunk: Buffer | null = this.#head.source.read();
      if (chunk !== null) return chunk;
      if (!this.#over()) await this.#change(keepAlive);
    }
  }

  #over(): boolean {
    const { source } = this.#head;
    if (!source.readableEnded && !source.destroyed) return false;
    const whole = source.readableEnded && this.#head.complete();
    const fault = this.#head.fault() ?? source.errored ?? undefined;
    this.#finish(whole ? {} : { error: brokenBody(this.#head.place, this.#plan.title, fault) }, !whole);
    return true;
  }

  /** Until there may be more to read, or the silence has lasted for too long. */
  #change(keepAlive: boolean): Promise<void> {
    const { silenceMs } = this.#plan;
    return new Promise((resolve) => {
      const limited = silenceMs > 0 && silenceMs < Number.POSITIVE_INFINITY;
      const cancel = limited
        ? timeLimit(this.#clock, silenceMs, keepAlive, () => this.#finish({ error: this.#silent() }, true))
        : undefined;
      this.#wake = () => {
        this.#wake = undefined;
        cancel?.();
        resolve();
      };
    });
  }

  #silent(): CrowflyError {
    const where = placeName(this.#head.place);
    return failed(
      `${where} was silent for ${this.#plan.silenceMs} ms in the middle of the answer to ${this.#plan.title}`,
    );
  }

  #contentType(): string {
    return printable(this.headers['content-type'] ?? 'without a content-type', 60);
  }

  #shown(text: string): string {
    return text === ''
      ? 'an empty body'
      : `'${printable(this.#plan.redact(text.slice(0, 1000)).trim(), 60)}'`;
  }

  #badData(what: string): CrowflyError {
    return this.#error('bad-data', `answered ${this.#plan.title} with ${what}`);
  }

  #error(code: 'bad-data' | 'bad-request', what: string): CrowflyError {
    return new CrowflyError(code, `${placeName(this.#head.place)}${code === 'bad-data' ? ' ' : ': '}${what}`);
  }
}
