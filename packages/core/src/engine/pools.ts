import { type MemberRecord, NO_POOLS } from './member.js';
import type { MemberPool, PoolEdit } from './pool.js';

type CreatePool = (tls: boolean, accepts: (member: MemberRecord) => boolean) => MemberPool;

/** The pools of one service, over the same members: one for http URLs, and one for https URLs once such a call came. */
export class Pools {
  readonly plain: MemberPool;
  readonly #create: CreatePool;
  readonly #members: () => readonly MemberRecord[];
  #tls: MemberPool | undefined;
  readonly #onlyPlain: readonly MemberPool[];
  #both: readonly MemberPool[];

  /** @param members all of them, as of now */
  constructor(members: () => readonly MemberRecord[], create: CreatePool) {
    this.#members = members;
    this.#create = create;
    this.plain = create(false, speaksHttp);
    this.#both = this.#onlyPlain = [this.plain];
  }

  get all(): readonly MemberPool[] {
    return this.#both;
  }

  /** The pool that calls to an http or an https URL choose from. */
  of(tls: boolean): MemberPool {
    if (!tls) return this.plain;
    if (this.#tls === undefined) {
      this.#tls = this.#create(true, speaksTls);
      this.#both = [this.plain, this.#tls];
      const joined = this.#members();
      const told = this.#tls.edit({ joined, left: [], described: [], kind: undefined });
      for (const member of joined) if (speaksTls(member)) member.pools = this.#both;
      if (told !== undefined) this.#tls.tell(told);
    }
    return this.#tls;
  }

  /** Members joined, left, or changed. Each balancer whom that concerns is told once, after all pools know of it. */
  edit(edit: PoolEdit): void {
    const { joined, left } = edit;
    const told = this.plain.edit(edit);
    const secure = this.#tls?.edit(edit);
    for (const member of left) member.pools = NO_POOLS;
    const both = this.#both;
    const onlyPlain = this.#onlyPlain;
    for (let index = 0; index < joined.length; index++) {
      const member = joined[index] as MemberRecord;
      member.pools = speaksTls(member) ? both : speaksHttp(member) ? onlyPlain : NO_POOLS;
    }
    if (told !== undefined) this.plain.tell(told);
    if (secure !== undefined) this.#tls?.tell(secure);
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
