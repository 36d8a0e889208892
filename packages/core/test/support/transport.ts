import type { Answer, Attempt, Failure, Transport } from '@crowfly/core';

/** An error that says itself how it is to be classified. */
export class Failed extends Error {
  readonly failure: Failure;
  constructor(failure: Failure, message: string = failure) {
    super(message);
    this.failure = failure;
  }
}

/** One try that reached a transport, in the hands of a test. */
export class Try {
  readonly attempt: Attempt;
  discarded = false;
  /** The reason it was aborted with. */
  aborted: { readonly reason: unknown } | undefined;
  #resolve: (answer: Answer<string>) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  readonly sent: Promise<Answer<string>>;

  constructor(attempt: Attempt, abortable = true) {
    this.attempt = attempt;
    this.sent = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.sent.catch(() => {});
    attempt.onAbort((reason) => {
      this.aborted = { reason };
      if (abortable) this.#reject(reason);
    });
  }

  get id(): string {
    return this.attempt.endpoint.id;
  }

  /** The head of an answer arrives; its whole body at once, unless `open`. */
  answer(status = 200, { open = false, value = `${status} of ${this.id}` } = {}): void {
    this.#resolve({
      value,
      status,
      discard: () => {
        this.discarded = true;
        this.attempt.lease.done({ kind: 'answered' });
      },
    });
    if (!open) void this.#end();
  }

  /** The body ends a little after its head, as on a wire. */
  async #end(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await undefined;
    this.attempt.lease.done({ kind: 'answered' });
  }

  fail(failure: Failure, message?: string): void {
    this.#reject(new Failed(failure, message));
  }

  throws(error: unknown): void {
    this.#reject(error);
  }
}

/** What a fake instance does with a try. */
export type Behave = (attempt: Try) => void;

export interface FakeTransport extends Transport<string> {
  readonly tries: Try[];
  /** The ids of the instances tried, in order. */
  readonly ids: readonly string[];
  behave: Behave;
}

/** A transport whose tries a test settles by hand, or by `behave`. */
export function fakeTransport(behave: Behave = () => {}, { abortable = true } = {}): FakeTransport {
  const transport: FakeTransport = {
    tries: [],
    get ids() {
      return transport.tries.map(({ id }) => id);
    },
    behave,
    send(attempt) {
      const one = new Try(attempt, abortable);
      transport.tries.push(one);
      transport.behave(one);
      return one.sent;
    },
    classify(error) {
      return error instanceof Failed ? error.failure : 'fatal';
    },
  };
  return transport;
}

export const answering =
  (status = 200): Behave =>
  (one) =>
    one.answer(status);

export const failing =
  (failure: Failure): Behave =>
  (one) =>
    one.fail(failure);
