import { type Check, CrowflyError, check, checkOptions } from '@crowfly/core';
import type { RegistryClientLimits, RegistryClientOptions } from './types.js';

/** Milliseconds and bytes; what each means stands at `RegistryClientLimits`. */
export const REGISTRY_CLIENT_DEFAULTS = {
  connectMs: 5_000,
  answerMs: 10_000,
  pingMs: 10_000,
  pingTimeoutMs: 5_000,
  maxBytes: 64 * 1024 * 1024,
} as const;

export type Limits = { readonly [K in keyof RegistryClientLimits]-?: number };

/** Where a client connects to, and what messages call it. */
export interface Origin {
  /** Normalised, without a slash: `https://10.0.0.1:6443`. */
  readonly name: string;
  readonly tls: boolean;
  /** As in a Host header. */
  readonly authority: string;
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

const SHAPE: Readonly<Record<string, Check>> = {
  origin: check.string,
  clock: check.anyObject,
  connection: check.function,
  headers: check.function,
  http2: check.boolean,
  connectMs: check.ms(1),
  answerMs: check.ms(1),
  pingMs: check.ms(1),
  pingTimeoutMs: check.ms(1),
  maxBytes: check.integer(1),
};

/** @throws CrowflyError `bad-option` */
export function readOptions(options: RegistryClientOptions): { origin: Origin; limits: Limits } {
  checkOptions('createRegistryClient', options, SHAPE);
  const limit = (key: keyof Limits): number => options[key] ?? REGISTRY_CLIENT_DEFAULTS[key];
  return {
    origin: readOrigin(options.origin),
    limits: {
      connectMs: limit('connectMs'),
      answerMs: limit('answerMs'),
      pingMs: limit('pingMs'),
      pingTimeoutMs: limit('pingTimeoutMs'),
      maxBytes: limit('maxBytes'),
    },
  };
}

function readOrigin(text: string): Origin {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const bare =
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    `${url.username}${url.password}${url.search}${url.hash}` === '' &&
    url.pathname === '/';
  if (!bare) {
    // The value is not shown: it may hold a password.
    const path = 'createRegistryClient.origin';
    const what = `${path}: expected http:// or https:// with a host and a port only, such as 'https://10.0.0.1:6443'`;
    throw new CrowflyError('bad-option', what, { path });
  }
  const tls = url.protocol === 'https:';
  return {
    name: url.origin,
    tls,
    authority: url.host,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (tls ? 443 : 80) : Number(url.port),
  };
}
