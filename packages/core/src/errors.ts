import { printable } from './text.js';

/**
 * Stable, machine-readable reasons. docs/errors.md shows each with its message and its fix.
 *
 * - `bad-option`: an option is unknown, or its value is of the wrong kind
 * - `bad-name`: a service name or URL that cannot be meant
 * - `bad-request`: the request cannot be sent as it is
 * - `bad-data`: what a registry holds cannot be read as a whole
 * - `unknown-service`: the name looks like a service, and the registry says that there is none
 * - `no-instances`: the service is known and nothing can be picked
 * - `registry-failed`: the registry failed before it delivered a first set
 * - `denied`: the registry refuses our credentials or rights (401, 403): what an adapter throws, and what its callers get
 * - `registry-timeout`: the registry did not deliver a first set in time
 * - `call-failed`: every try ended without an answer
 * - `timeout`: a time limit of ours ended the call
 * - `too-many-services`: the bound of services in use is reached
 * - `closed`: the discovery was closed
 */
export type ErrorCode =
  | 'bad-option'
  | 'bad-name'
  | 'bad-request'
  | 'bad-data'
  | 'unknown-service'
  | 'no-instances'
  | 'registry-failed'
  | 'denied'
  | 'registry-timeout'
  | 'call-failed'
  | 'timeout'
  | 'too-many-services'
  | 'closed';

export interface ErrorDetails {
  readonly cause?: unknown;
  /** Canonical key of the service concerned. */
  readonly service?: string;
  /** Id of the registry concerned. */
  readonly registry?: string;
  /** `name (host:port)` of the instance concerned, the last one tried; its id where it has no name. */
  readonly instance?: string;
  /** The path of the option concerned: `services.orders.timeouts.totalMs`. */
  readonly path?: string;
  /** Tries made. */
  readonly attempts?: number;
}

/** The one class of crowfly's errors: switch on `code`; the message says what happened, where, and what to do. */
export class CrowflyError extends Error {
  readonly code: ErrorCode;
  declare readonly service?: string;
  declare readonly registry?: string;
  declare readonly instance?: string;
  declare readonly path?: string;
  declare readonly attempts?: number;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    const { cause, ...facts } = details;
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CrowflyError';
    this.code = code;
    Object.assign(this, facts);
  }
}

/** Whether `value` is a CrowflyError, from any copy of the package in the process, with this `code` when one is given. */
export function isCrowflyError(value: unknown, code?: ErrorCode): value is CrowflyError {
  return (
    value instanceof Error &&
    value.name === 'CrowflyError' &&
    (code === undefined || (value as CrowflyError).code === code)
  );
}

/** What registries and instances say may be long. */
const MAX_TEXT = 500;

/** One line about anything thrown, with its innermost cause when that says more. Never prints an object's contents. */
export function describeError(error: unknown): string {
  return printable(describe(error), MAX_TEXT);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : `a thrown ${typeof error}`;
  const code = (error as { code?: unknown }).code;
  const text = error.message || (typeof code === 'string' ? code : error.name);
  const cause: unknown = error.cause;
  if (!(cause instanceof Error) || cause === error) return text;
  const inner = cause.message || String((cause as { code?: unknown }).code ?? cause.name);
  return text.includes(inner) ? text : `${text}: ${inner}`;
}
