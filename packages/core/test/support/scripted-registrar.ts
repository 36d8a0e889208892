import {
  type Clock,
  CrowflyError,
  type Instance,
  type Io,
  type Registrar,
  type RegistryFactory,
  type Standing,
} from '@crowfly/core';

export type Primitive = 'register' | 'renew' | 'setState' | 'deregister';

export interface Asked {
  readonly what: Primitive;
  readonly at: number;
  readonly id: string;
  readonly standing?: Standing;
}

/** A backend in memory that keeps what is registered, and fails, hangs and forgets as a test tells it to. */
export class ScriptedRegistrar implements Registrar {
  readonly propagationMs = 2_000;
  readonly standing = new Map<string, Standing>();
  readonly asked: Asked[] = [];
  /** What the next requests meet. `lost`: carried out, and the answer never came. */
  mood: 'well' | 'down' | 'hangs' | 'denies' | 'lost' = 'well';
  renewEveryMs = 5_000;
  /** How many requests of one instance were under way at the same time, at the most. */
  overlap = 0;
  readonly #under = new Map<string, number>();
  readonly #clock: Clock;

  constructor(clock: Clock, { states = true }: { readonly states?: boolean } = {}) {
    this.#clock = clock;
    if (!states) this.setState = undefined as never;
  }

  get factory(): RegistryFactory {
    return () => ({
      kind: 'scripted',
      id: 'scripted:1',
      supports: { unknown: true },
      registrar: this,
      locate: (target) => {
        const name = typeof target === 'string' ? target : target.host;
        return name.includes('.') ? undefined : { key: name };
      },
      watch: (_service, feed) =>
        new Promise((resolve) => feed.signal.addEventListener('abort', () => resolve(), { once: true })),
    });
  }

  of(what: Primitive): readonly Asked[] {
    return this.asked.filter((one) => one.what === what);
  }

  forget(): void {
    this.standing.clear();
  }

  check(instance: Instance): void {
    if (instance.tags.includes('impossible'))
      throw new CrowflyError('bad-option', 'register.tags[0]: it cannot be had', {
        path: 'register.tags[0]',
      });
  }

  renewMs(): number {
    return this.renewEveryMs;
  }

  register(instance: Instance, standing: Standing, io: Io): Promise<void> {
    return this.#ask('register', instance, io, standing, () => void this.standing.set(instance.id, standing));
  }

  renew(instance: Instance, standing: Standing, io: Io): Promise<'ok' | 'forgotten'> {
    return this.#ask('renew', instance, io, standing, () => {
      if (!this.standing.has(instance.id)) return 'forgotten';
      this.standing.set(instance.id, standing);
      return 'ok';
    });
  }

  setState(instance: Instance, state: 'up' | 'draining', io: Io): Promise<'ok' | 'forgotten'> {
    return this.#ask('setState', instance, io, { health: 'passing', state }, () => {
      const known = this.standing.get(instance.id);
      if (known === undefined) return 'forgotten';
      this.standing.set(instance.id, { ...known, state });
      return 'ok';
    });
  }

  deregister(instance: Instance, io: Io): Promise<void> {
    return this.#ask('deregister', instance, io, undefined, () => void this.standing.delete(instance.id));
  }

  async #ask<T>(
    what: Primitive,
    { id }: Instance,
    { signal }: Io,
    standing: Standing | undefined,
    act: () => T,
  ): Promise<T> {
    this.asked.push({ what, id, at: this.#clock.now(), ...(standing === undefined ? {} : { standing }) });
    const under = (this.#under.get(id) ?? 0) + 1;
    this.#under.set(id, under);
    this.overlap = Math.max(this.overlap, under);
    try {
      const { mood } = this;
      if (mood === 'down') throw new CrowflyError('registry-failed', 'nothing listens there');
      if (mood === 'denies') throw new CrowflyError('denied', 'it takes service:write');
      if (mood === 'lost') act();
      if (mood === 'hangs' || mood === 'lost')
        return await new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        });
      // As over a network: never within the call.
      await undefined;
      return act();
    } finally {
      this.#under.set(id, (this.#under.get(id) ?? 1) - 1);
    }
  }
}
