import { Answer, type Head } from './answer.js';
import type { Context } from './dial.js';
import { failed } from './errors.js';
import { closedError, type Exchange, Exchanges } from './exchange.js';
import { Lost } from './lost.js';
import { readOptions } from './options.js';
import { checkRequest, type Plan, planOf } from './plan.js';
import { within } from './time-limit.js';
import type { RegistryAnswer, RegistryClient, RegistryClientOptions, RegistryRequest } from './types.js';

/** What sends requests over one protocol or several. */
interface Wire {
  send(exchange: Exchange, plan: Plan): Promise<Head>;
  readonly connections: number;
  close(): Promise<void>;
}

/**
 * A client for the HTTP interface of a registry, for adapters: small, with time limits everywhere, and with messages
 * that a user of the adapter can act on. It retries nothing but a request that met the closing of a kept connection.
 *
 * @throws CrowflyError `bad-option`
 */
export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const { origin, limits } = readOptions(options);
  const { clock, connection = () => ({}), headers: credentials = () => ({}) } = options;
  const context: Context = { origin, clock, limits, connection };
  const exchanges = new Exchanges();
  let closing: Promise<void> | undefined;
  let loading: Promise<Wire> | undefined;
  let wire: Wire | undefined;

  /** Node's modules for HTTP are not loaded before they are asked for: a process may hold clients that it never uses. */
  const load = async (): Promise<Wire> => {
    const multiplexed = options.http2 === true && origin.tls;
    const [{ Http1 }, http2] = await Promise.all([
      import('./http1.js'),
      multiplexed ? import('./http2.js') : undefined,
    ]);
    const http1 = new Http1(context);
    wire = http2 === undefined ? http1 : new http2.Http2(context, http1);
    return wire;
  };

  const loaded = (): Promise<Wire> => {
    loading ??= load();
    return loading;
  };

  const send = async (exchange: Exchange, request: RegistryRequest): Promise<RegistryAnswer> => {
    const used = await exchange.during(loaded());
    const headers = await within(exchange, clock, limits.answerMs, credentials(), () =>
      failed(
        `the headers for ${origin.name} were not there within ${limits.answerMs} ms: what do their credentials wait for?`,
      ),
    );
    const plan = planOf(request, headers, limits, origin);
    const head = await sendTwice(used, exchange, plan);
    return new Answer(head, plan, exchange, clock, limits.maxBytes);
  };

  return {
    async request(request) {
      checkRequest(request);
      if (closing !== undefined) throw closedError(origin.name);
      const exchange = exchanges.begin(request.signal);
      try {
        return await send(exchange, request);
      } catch (error) {
        exchange.end();
        throw error;
      }
    },
    prepare() {
      // What goes wrong is told to the first request.
      if (closing === undefined) loaded().catch(() => {});
    },
    get connections() {
      return wire?.connections ?? 0;
    },
    close() {
      closing ??= (async () => {
        exchanges.stopAll(closedError(origin.name));
        await wire?.close();
      })();
      return closing;
    },
  };
}

async function sendTwice(wire: Wire, exchange: Exchange, plan: Plan): Promise<Head> {
  try {
    return await wire.send(exchange, plan);
  } catch (error) {
    if (!(error instanceof Lost)) throw error;
    if (!error.unprocessed && !plan.repeatable) throw error.failure;
  }
  try {
    return await wire.send(exchange, plan);
  } catch (error) {
    throw error instanceof Lost ? error.failure : error;
  }
}
