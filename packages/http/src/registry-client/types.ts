import type { Clock } from '@crowfly/core';

/** PEM text or bytes, one or several, as `tls.connect` of Node.js takes them. */
export type TlsMaterial = string | Buffer | readonly (string | Buffer)[];

/** TLS material and address of one new connection. */
export interface ConnectionOptions {
  /** Authorities to trust instead of those that Node.js knows. */
  readonly ca?: TlsMaterial | undefined;
  /** The client's certificate, and its key. */
  readonly cert?: TlsMaterial | undefined;
  readonly key?: TlsMaterial | undefined;
  readonly passphrase?: string | undefined;
  /** Certificate and key in one, as PKCS #12. */
  readonly pfx?: string | Buffer | undefined;
  /** The name or address that the server's certificate has to prove. Default: the host of the origin. */
  readonly servername?: string | undefined;
  /** A unix socket to connect to instead of the origin's host and port. */
  readonly socketPath?: string | undefined;
}

/** Limits in milliseconds, and what they mean; the defaults are `REGISTRY_CLIENT_DEFAULTS`. */
export interface RegistryClientLimits {
  /** For a new connection, TLS included. Default 5,000. */
  readonly connectMs?: number | undefined;
  /** From a request to the head of its answer. Default 10,000. */
  readonly answerMs?: number | undefined;
  /** HTTP/2: how long a connection with requests on it may be silent before it is asked by a ping. Default 10,000. */
  readonly pingMs?: number | undefined;
  /** HTTP/2: how long the answer to a ping may take before the connection is given up. Default 5,000. */
  readonly pingTimeoutMs?: number | undefined;
  /** The most that `text()` and `json()` read. Default 64 MiB. */
  readonly maxBytes?: number | undefined;
}

export interface RegistryClientOptions extends RegistryClientLimits {
  /** `https://10.0.0.1:6443`: scheme, host and port only. */
  readonly origin: string;
  readonly clock: Clock;
  /** Asked anew for each connection, so that rotated files are used. */
  readonly connection?: (() => ConnectionOptions | Promise<ConnectionOptions>) | undefined;
  /** Asked anew for each request, so that rotated credentials are used. What they say never stands in an error. */
  readonly headers?:
    | (() => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>)
    | undefined;
  /** Over https: offer HTTP/2, and speak what the server picks. Over http it is always HTTP/1.1. Default `false`. */
  readonly http2?: boolean | undefined;
}

export interface RegistryRequest {
  /** With the query: `/v1/health/service/orders?index=7`. Credentials do not belong here: paths stand in errors. */
  readonly path: string;
  /** Ends the request, or its body, at once: whoever waits gets the signal's reason. May live for hours. */
  readonly signal: AbortSignal;
  /** Default `GET`. */
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  /** Instead of the client's, in milliseconds, to the head of the answer: a blocking query takes its time. */
  readonly answerMs?: number | undefined;
  /**
   * The longest silence between two parts of the body while somebody waits for them, in milliseconds. `0` and `Infinity`:
   * no limit, for watches on a multiplexed connection. Default: `answerMs`.
   */
  readonly silenceMs?: number | undefined;
}

/**
 * An answer, whatever its status: redirects are not followed. Read its body once, or `cancel()` it; one that nobody
 * begins to read within `answerMs` is cancelled.
 */
export interface RegistryAnswer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** Over HTTP/2: many answers share the connection, and a ping guards it. */
  readonly multiplexed: boolean;
  /**
   * The body as it comes; leaving the loop cancels it. What is not taken is not read from the network. An open loop by
   * itself does not keep the process alive.
   *
   * @throws CrowflyError `registry-failed` when the connection breaks or is silent for too long; the signal's reason
   */
  chunks(): AsyncIterable<Buffer>;
  /**
   * The whole body.
   *
   * @param maxBytes default: the client's
   * @throws CrowflyError `bad-data` when there is more; else as `chunks`
   */
  text(maxBytes?: number): Promise<string>;
  /** As `text`, parsed. @throws CrowflyError `bad-data` also when it is no JSON */
  json(maxBytes?: number): Promise<unknown>;
  /** Ends it: the stream or connection is freed. */
  cancel(): void;
  /** A part of the answer, fit for a message: without the credentials that were sent, which some servers say back. */
  redact(text: string): string;
}

/** HTTP to one registry: its credentials, its connections, its time limits. */
export interface RegistryClient {
  /**
   * @throws CrowflyError `registry-failed` without an answer, `bad-request` when the request cannot be sent as it is,
   *   `closed` after `close()`; the signal's reason; whatever `connection` or `headers` throws
   */
  request(request: RegistryRequest): Promise<RegistryAnswer>;
  /** Loads Node's modules for HTTP, which the first request needs, ahead of it: for when one is sure to come. */
  prepare(): void;
  /** Connections that are open now. */
  readonly connections: number;
  /** Ends every request and connection at once. */
  close(): Promise<void>;
}
