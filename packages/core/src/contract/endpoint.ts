/** How an instance wants to be spoken to. Absent: as the caller's URL says. */
export type Protocol = 'http' | 'https' | 'h2c';

/**
 * One instance of a service, as a registry describes it: plain data, frozen once it passed the core's gate.
 *
 * A registry builds it; the core validates it; strategies, clients and users only read it.
 */
export interface Endpoint {
  /** Unique within the service and stable for the life of the instance. At most 512 characters. */
  readonly id: string;
  /** What people call the instance, such as a pod's name: for messages only. Default: the id. At most 512 characters. */
  readonly name?: string;
  /** An IP address (IPv6 without brackets) or a DNS name, in its normal form after the gate. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  readonly protocol?: Protocol;
  /** Failure domain, such as an availability zone. */
  readonly zone?: string;
  /** The machine the instance runs on. */
  readonly node?: string;
  /**
   * For which callers the registry meant this instance (Kubernetes topology hints): those in these zones, those on these
   * nodes. Instances meant for the caller come first, if every ready one has hints.
   */
  readonly hints?: { readonly zones?: readonly string[]; readonly nodes?: readonly string[] };
  /** Share of the traffic relative to the other instances. Default 1. 0: only while no other instance is left. */
  readonly weight?: number;
  /** 0 (the default) is used first; a higher number only while no instance of a lower one is left. */
  readonly priority?: number;
  /** `draining`: takes no new call while a ready instance is left. Default `ready`. */
  readonly state?: 'ready' | 'draining';
  readonly metadata?: Readonly<Record<string, string>>;
}
