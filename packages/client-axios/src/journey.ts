import { type ClientRequest, Agent as HttpAgent, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Attempt, Lease, Outcome, Route } from '@crowfly/core';
import type { CallContext } from './context.js';
import { Exchange } from './exchange.js';
import { dispatch, HopAgent, type HopOptions, refuse, type Scheme } from './hop-agent.js';

/** What came back at the end of the way. */
export interface Head {
  /** What the instance answered: a redirect's own status when the request left the instance for another host. */
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  readonly request: ClientRequest;
}

/**
 * Where one try's request goes: to its instance, and on when that redirects. axios follows redirects by asking the agents
 * again.
 *
 * Within the origin that the caller named it stays at the instance. A redirect to another service goes to an instance of
 * that service, with a lease of its own and no second try. Any other leaves crowfly: it is connected to by the caller's
 * agents and ordinary DNS, never to the instance.
 */
export class Journey {
  readonly httpAgent: HopAgent;
  readonly httpsAgent: HopAgent;
  /** The request on the wire; `undefined`: none was made yet. */
  exchange: Exchange | undefined;
  /** Why what arrived is no answer, when axios takes it for one. With the code that the parser of Node.js would give it. */
  invalid: Error | undefined;
  readonly #context: CallContext;
  readonly #attempt: Attempt;
  readonly #origin: string;
  readonly #onHead: (head: Head) => void;
  #ended = false;
  /** Gives up waiting for an instance of another service. */
  #giveUp: ((reason: unknown) => void) | undefined;
  /** Whose instance the request is at. */
  #lease: Lease | undefined;
  #movedWith: number | undefined;
  #requests = 0;

  constructor(context: CallContext, attempt: Attempt, onHead: (head: Head) => void) {
    this.#context = context;
    this.#attempt = attempt;
    this.#onHead = onHead;
    this.#lease = attempt.lease;
    this.#origin = context.url.origin;
    const hop = this.#hop.bind(this);
    this.httpAgent = new HopAgent('http', hop);
    this.httpsAgent = new HopAgent('https', hop);
  }

  /** Whether the request went away from the instance: what happens then says nothing about it. */
  get left(): boolean {
    return this.#lease !== this.#attempt.lease;
  }

  /** Whether an answer arrived: then the request was executed, even if what it redirected to failed. */
  get answered(): boolean {
    return this.#requests > 1;
  }

  /** Ends everything that is on the way: also an answer that arrived and is not wanted. */
  end(reason: unknown): void {
    this.#ended = true;
    this.#giveUp?.(reason);
    this.exchange?.request.destroy();
  }

  /** The try failed with `outcome` after it had left its instance; of no effect once its answer is there. */
  failedElsewhere(outcome: Outcome): void {
    if (this.left && !this.exchange?.taken) this.#lease?.done(outcome);
  }

  #hop(request: ClientRequest, options: HopOptions, scheme: Scheme): void {
    this.#requests++;
    // axios prepares some bodies asynchronously, and asks even when the call has ended meanwhile.
    try {
      if (this.#ended) throw new Error('the call has ended');
      if (!this.left && this.#origin === originOf(options, scheme)) {
        this.#goTo(this.#context.route, this.#attempt.lease, request, options);
      } else {
        this.#leaveFor(request, options, scheme);
      }
    } catch (error) {
      refuse(request, error);
    }
  }

  #leaveFor(request: ClientRequest, options: HopOptions, scheme: Scheme): void {
    this.#lease = undefined;
    const { engine, config } = this.#context;
    const route = engine.route(new URL(originOf(options, scheme)));
    if (route === undefined) {
      this.exchange = this.#watch(request, undefined);
      const own: HttpAgent | undefined = scheme === 'https' ? config.httpsAgent : config.httpAgent;
      dispatch(own ?? (scheme === 'https' ? new HttpsAgent() : new HttpAgent()), request, options);
      return;
    }
    const waiting = new AbortController();
    this.#giveUp = (reason) => waiting.abort(reason);
    engine.acquire(route, { signal: waiting.signal }).then(
      (lease) => {
        if (request.destroyed) return lease.done({ kind: 'canceled' });
        this.#lease = lease;
        try {
          this.#goTo(route, lease, request, options);
        } catch (error) {
          refuse(request, error);
        }
      },
      (error) => refuse(request, error),
    );
  }

  #goTo(
    route: Route,
    lease: Lease,
    request: ClientRequest,
    { host, port, family, lookup }: HopOptions,
  ): void {
    const agent = this.#context.agents.get(route, lease.endpoint);
    this.exchange = this.#watch(request, lease);
    // Only what matters for connecting: an agent keeps the options of a connection's first request as long as the
    // connection, and axios' hold the whole call.
    dispatch(agent, request, { host, port, family, lookup });
  }

  #watch(request: ClientRequest, lease: Lease | undefined): Exchange {
    return new Exchange(request, lease, this.#attempt.connectMs, {
      head: (exchange, response) => this.#head(exchange, response),
      ended: () => this.#ended,
    });
  }

  #head(exchange: Exchange, response: IncomingMessage): void {
    const status = response.statusCode ?? 0;
    // Node.js takes three digits of any kind. RFC 9110, section 15: a status that is none is an invalid answer.
    if (status < 100) {
      this.invalid = Object.assign(new Error(`the answer has no valid status: ${status}`), {
        code: 'HPE_INVALID_STATUS',
      });
      response.destroy(this.invalid);
      return;
    }
    if (response.destroyed) {
      // axios moved on from a redirect, or gave up: it was asked for one too many, or the try has ended.
      const stays = this.exchange !== exchange && this.#lease === exchange.lease;
      if (stays) return;
      this.#movedWith ??= status;
      exchange.moved(status);
      return;
    }
    const retryAfterMs = exchange.answered(response, this.#context.config.responseType === 'stream');
    const moved = this.#movedWith;
    this.#onHead(
      moved === undefined
        ? { status, retryAfterMs, request: exchange.request }
        : { status: moved, retryAfterMs: undefined, request: exchange.request },
    );
  }
}

function originOf({ host, port }: HopOptions, scheme: Scheme): string {
  const name = host.includes(':') ? `[${host}]` : host;
  // Both are normal already: axios parsed them out of a URL. Only the default port must go.
  const isDefault = Number(port) === (scheme === 'https' ? 443 : 80);
  return isDefault ? `${scheme}://${name}` : `${scheme}://${name}:${port}`;
}
