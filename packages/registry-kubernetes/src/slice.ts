import type { Endpoint, Problem, Protocol } from '@crowfly/core';

/** One EndpointSlice, or one subset of an Endpoints object, with what matters of it. */
export interface Slice {
  /** Unique in its namespace. */
  readonly name: string;
  /** The service it belongs to. */
  readonly service: string;
  readonly family: 'IPv4' | 'IPv6';
  /** TCP ports; the Service's names for them, '' for none. Empty: it lists none, or none that can be used. */
  readonly ports: readonly SlicePort[];
  /** Whether it lists no port at all, as a headless service without ports does. */
  readonly portless: boolean;
  /** Those that are ready, or drain. */
  readonly instances: readonly Instance[];
  readonly problems: readonly Problem[];
}

export interface SlicePort {
  readonly name: string;
  readonly port: number;
  readonly protocol: Protocol | undefined;
}

/** What a slice says of one pod, whatever its ports. */
export interface Instance {
  /** The pod's uid; else its address. */
  readonly id: string;
  readonly host: string;
  readonly state: 'ready' | 'draining';
  readonly zone: string | undefined;
  readonly node: string | undefined;
  readonly hints: Endpoint['hints'];
  readonly metadata: Readonly<Record<string, string>>;
}
