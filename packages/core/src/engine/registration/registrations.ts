import type { Clock } from '../../contract/clock.js';
import type { Registry, Self } from '../../contract/registry.js';
import { CrowflyError } from '../../errors.js';
import type { EventHub } from '../../events.js';
import type { RegisterOptions, Registration } from './api.js';
import { instanceOf } from './instance.js';
import { RegistrationRecord } from './registration.js';

export interface RegistrationsContext {
  readonly clock: Clock;
  random(): number;
  readonly events: EventHub;
  readonly self: Self;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly closeMs: number;
}

/** The instances that this process keeps in registries. */
export class Registrations {
  readonly #context: RegistrationsContext;
  readonly #open = new Map<string, RegistrationRecord>();

  constructor(context: RegistrationsContext) {
    this.#context = context;
  }

  get all(): readonly RegistrationRecord[] {
    return [...this.#open.values()];
  }

  /**
   * @param options checked
   * @param service canonical
   * @throws CrowflyError `bad-option`
   */
  add(options: RegisterOptions, registry: Registry, service: string): Registration {
    const { registrar } = registry;
    if (registrar === undefined)
      throw bad(
        'register.registry',
        `${registry.id} takes no registrations: ${registry.kind === 'kubernetes' ? 'Kubernetes registers pods by itself, through a Service' : 'who writes it lists the instances'}; register with consul(), or leave it out`,
      );
    const { self, env, random, events, clock, closeMs } = this.#context;
    const { instance, found } = instanceOf(options, { service, self, env, random });
    registrar.check(instance);
    const key = `${registry.id} ${instance.id}`;
    if (this.#open.has(key))
      throw bad(
        'register.id',
        `'${instance.id}' is registered by this discovery already: close that one first, or leave id out`,
      );
    events.emit('registering', {
      service,
      registry: registry.id,
      instance,
      foundBy: found.by,
      ...(found.doubt === undefined ? {} : { doubt: found.doubt }),
    });
    const record = new RegistrationRecord({
      instance,
      foundBy: found.by,
      registrar,
      registry: registry.id,
      propagationMs: options.propagationMs ?? registrar.propagationMs,
      closeMs,
      health: options.health,
      clock,
      random,
      events,
      ended: () => this.#open.delete(key),
    });
    this.#open.set(key, record);
    return record;
  }

  /** Deregisters all of them, at the same time. */
  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((one) => one.close()));
  }
}

function bad(path: string, text: string): CrowflyError {
  return new CrowflyError('bad-option', `${path}: ${text}`, { path });
}
