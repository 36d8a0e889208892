import type { MemberRecord } from './member.js';
import type { MemberPool } from './pool.js';

/** The pools of one service, over the same members: one for http URLs, and one for https URLs once such a call came. */
export class Pools {
  readonly plain: MemberPool;
  readonly #create: (slot: number) => MemberPool;
  readonly #members: ReadonlyMap<string, MemberRecord>;
  #tls: MemberPool | undefined;

  /** @param members all of them, live */
  constructor(members: ReadonlyMap<string, MemberRecord>, create: (slot: number) => MemberPool) {
    this.#members = members;
    this.#create = create;
    this.plain = create(0);
  }

  get all(): readonly MemberPool[] {
    return this.#tls === undefined ? [this.plain] : [this.plain, this.#tls];
  }

  /** The pool that calls to an http or an https URL choose from. */
  of(tls: boolean): MemberPool {
    if (!tls) return this.plain;
    if (this.#tls === undefined) {
      this.#tls = this.#create(1);
      this.#tls.replace([...this.#members.values()].filter(speaksTls));
      this.#assign();
    }
    return this.#tls;
  }

  /** Members joined or left. O(N). */
  refill(): void {
    const members = [...this.#members.values()];
    this.plain.replace(members.filter(speaksHttp));
    this.#tls?.replace(members.filter(speaksTls));
    this.#assign();
  }

  /** Tells each member which pools it is in. */
  #assign(): void {
    const both = this.all;
    const plain = [this.plain];
    for (const member of this.#members.values()) {
      member.pools = speaksTls(member) ? both : speaksHttp(member) ? plain : [];
    }
  }
}

/** HTTP/1.1, over TLS or not: what the clients speak. */
function speaksHttp(member: MemberRecord): boolean {
  return member.endpoint.protocol !== 'h2c';
}

/** An https URL never reaches an instance that only speaks plain text. */
function speaksTls(member: MemberRecord): boolean {
  return member.endpoint.protocol === undefined || member.endpoint.protocol === 'https';
}
