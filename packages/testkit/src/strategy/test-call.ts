import type { Call, Member } from '@crowfly/core';

/** A call for tests of a strategy: with `go` it takes another try, as the engine does after a failure. */
export class TestCall implements Call {
  readonly hash: number;
  readonly hasKey: boolean;
  attempt = 0;
  now: number;
  readonly #tried: Member[] = [];

  constructor(options: TestCallOptions = {}) {
    this.hash = (options.hash ?? 0) >>> 0;
    this.hasKey = options.hash !== undefined;
    this.now = options.now ?? 1_000_000;
  }

  tried(member: Member): boolean {
    return this.#tried.includes(member);
  }

  /** The try at `member` failed: the next pick is for another one. */
  failedAt(member: Member): void {
    this.#tried.push(member);
    this.attempt++;
  }
}

export interface TestCallOptions {
  /** 32-bit hash of the caller's key. Default: the call has no key. */
  readonly hash?: number;
  /** Milliseconds of the clock. Default 1,000,000. */
  readonly now?: number;
}

export function testCall(options: TestCallOptions = {}): TestCall {
  return new TestCall(options);
}
