import type { Clock } from '@crowfly/core';
import type { TokenBucket } from '@crowfly/http';
import type { ApiClient } from '../api/client.js';
import type { ServiceName } from '../names.js';
import { patiently } from '../watch/patience.js';
import { lookUpService, type ServiceFacts } from './service-lookup.js';

export interface InquiryOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  random(): number;
  readonly service: ServiceName;
  /** When it may ask. */
  limit(): TokenBucket;
  failed(error: unknown): void;
}

/** Asks for the Service object when slices do not tell enough. One question at a time: a new one ends the last. */
export class Inquiry {
  readonly #o: InquiryOptions;
  #stop: AbortController | undefined;
  /** What is being asked about, until `then` has ended. */
  about: 'absence' | 'ports' | undefined;

  constructor(options: InquiryOptions) {
    this.#o = options;
  }

  /** @param then called with the answer, unless another question came first */
  ask(
    about: 'absence' | 'ports',
    then: (facts: ServiceFacts, signal: AbortSignal) => Promise<void> | void,
  ): void {
    this.end();
    const stop = new AbortController();
    this.#stop = stop;
    this.about = about;
    this.#run(stop.signal, then).catch((error: unknown) => {
      if (!stop.signal.aborted) this.#o.failed(error);
    });
  }

  end(): void {
    this.#stop?.abort();
    this.about = undefined;
  }

  async #run(
    signal: AbortSignal,
    then: (facts: ServiceFacts, signal: AbortSignal) => Promise<void> | void,
  ): Promise<void> {
    const facts = await this.#lookUp(signal);
    if (!signal.aborted) await then(facts, signal);
  }

  #lookUp(signal: AbortSignal): Promise<ServiceFacts> {
    const { client, service, limit } = this.#o;
    return patiently(this.#o, signal, async () => {
      await limit().turn(signal);
      return lookUpService(client, service, signal);
    });
  }
}
