/**
 * - `not-available`: this machine lacks something to be installed, which the message names: tests may skip
 * - `build-failed`, `start-failed`: with the end of the program's output
 * - `bad-answer`: a server answered with an error, or not at all
 */
export type ServersErrorCode = 'not-available' | 'build-failed' | 'start-failed' | 'bad-answer';

/** What goes wrong around the servers for tests; the message says what to do. */
export class ServersError extends Error {
  readonly code: ServersErrorCode;
  /** HTTP status, of a `bad-answer`. */
  readonly status: number | undefined;

  constructor(code: ServersErrorCode, message: string, details: { cause?: unknown; status?: number } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'ServersError';
    this.code = code;
    this.status = details.status;
  }
}
