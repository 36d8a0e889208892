/** A request that had no answer, and that may be sent once more on another connection. */
export class Lost extends Error {
  /** What the caller gets when it is not sent again. */
  readonly failure: unknown;
  /** The server did not process it: it may be sent again whatever it is. Else only one that may be repeated. */
  readonly unprocessed: boolean;

  constructor(failure: unknown, unprocessed: boolean) {
    super('the request was lost');
    this.failure = failure;
    this.unprocessed = unprocessed;
  }
}
