import type { Capabilities, Clock, Endpoint, Feed, RegistryFactory } from '@crowfly/core';
import { CrowflyError } from '@crowfly/core';
import type { Backend } from './backend.js';

/** Ways to get it wrong; each is one that adapters in the wild got wrong. */
export type Fault =
  | 'first set in parts'
  | 'changes in parts'
  | 'mutates what it published'
  | 'unknown as empty'
  | 'swallows unknown'
  | 'swallows empty'
  | 'empty on error'
  | 'swallows errors'
  | 'throws undefined'
  | 'throws a TypeError'
  | 'returns on error'
  | 'publishes every poll'
  | 'order of the backend'
  | 'ids by position'
  | 'ids at random'
  | 'same id twice'
  | 'ignores the port'
  | 'ignores weights'
  | 'loses the last change'
  | 'empty during resync'
  | 'sticks to the gap'
  | 'dies of one bad entry'
  | 'silent about bad entries'
  | 'unreadable as empty'
  | 'unreadable as TypeError'
  | 'ignores abort'
  | 'speaks after abort'
  | 'asks after abort'
  | 'leaks a timer of the clock'
  | 'leaks an interval'
  | 'no watchdog'
  | 'remembers credentials'
  | 'denial as outage'
  | 'no pause'
  | 'short pause'
  | 'retries by itself'
  | 'pollutes prototypes'
  | 'dies of hostile hosts'
  | 'locate throws'
  | 'locate is impure'
  | 'spellings differ'
  | 'key is no name'
  | 'secret in id'
  | 'secret in errors'
  | 'id per process'
  | 'one state for all'
  | 'close fails twice';

const PAUSE_MS = 10;
const SILENCE_MS = 100;

const supports: Capabilities = {
  unknown: true,
  zones: true,
  weights: true,
  draining: true,
  resync: true,
  silenceMs: SILENCE_MS,
  credentials: true,
};

/** An adapter that keeps the contract, but for the faults it is given. */
export function adapter(backend: Backend, ...faults: readonly Fault[]): RegistryFactory {
  const has = (fault: Fault): boolean => faults.includes(fault);
  let opened = 0;
  const shared = { stopped: false };
  return ({ clock, random }) => {
    const number = ++opened;
    const state = has('one state for all') ? shared : { stopped: false };
    const firstToken = backend.token;
    let located = 0;
    return {
      kind: 'memory',
      id: `memory:test${has('secret in id') ? `?token=${backend.token}` : ''}${has('id per process') ? number : ''}`,
      supports,
      locate(target) {
        const name = typeof target === 'string' ? target : target.host;
        if (has('locate throws') && name.includes('/')) throw new Error(`bad name ${name}`);
        if (!/^[a-z][a-z0-9-]{0,62}$/.test(name) || name === 'localhost') {
          return has('key is no name') && name.startsWith('svc/') ? undefined : undefined;
        }
        if (has('locate is impure')) return { key: name, port: ++located };
        if (has('spellings differ') && typeof target !== 'string') return { key: `${name}-url` };
        return { key: has('key is no name') ? `svc/${name}` : name };
      },
      watch: ({ key }, feed) => {
        const service = has('key is no name') ? key.slice(4) : key;
        return watch({ backend, clock, random, has, state, firstToken, service, feed });
      },
      async close() {
        if (state.stopped && has('close fails twice')) throw new Error('already closed');
        state.stopped = true;
      },
    };
  };
}

interface Watching {
  readonly backend: Backend;
  readonly clock: Clock;
  random(): number;
  has(fault: Fault): boolean;
  readonly state: { stopped: boolean };
  readonly firstToken: string;
  readonly service: string;
  readonly feed: Feed;
}

async function watch(watching: Watching): Promise<void> {
  const { backend, clock, has, state, service, feed, firstToken } = watching;
  const signal = has('ignores abort') ? new AbortController().signal : feed.signal;
  let version = 0;
  let said = '';
  let last: Endpoint[] = [];
  let polls = 0;
  // An answer without news, or none: the pause before the next question grows.
  let fruitless = 0;
  if (has('leaks a timer of the clock')) clock.after(3_600_000, () => {});
  if (has('leaks an interval')) backend.leaks.push(setInterval(() => {}, 3_600_000));
  if (has('speaks after abort'))
    feed.signal.addEventListener('abort', () => setTimeout(() => feed.publish(last), 1));
  if (has('asks after abort'))
    feed.signal.addEventListener('abort', () =>
      setTimeout(() => void backend.query(service, 0, firstToken).catch(() => {}), 10),
    );

  const say = (endpoints: Endpoint[]): void => {
    const text = JSON.stringify(endpoints);
    if (text === said && !has('publishes every poll')) return;
    said = text;
    if (has('swallows empty') && endpoints.length === 0) return;
    if (has('mutates what it published')) {
      last.splice(0, last.length, ...endpoints);
      feed.publish(last);
      return;
    }
    if (has('changes in parts') && last.length > 0 && endpoints.length > last.length)
      feed.publish(endpoints.slice(last.length));
    last = endpoints;
    feed.publish(endpoints);
  };

  while (!signal.aborted && !state.stopped) {
    if (polls++ > 0 && !has('no pause'))
      await pause(clock, has('short pause') ? 10 : Math.min(1000, PAUSE_MS * 2 ** fruitless), signal);
    const token = has('remembers credentials') ? firstToken : backend.token;
    let answer: Awaited<ReturnType<Backend['query']>>;
    try {
      const bound =
        has('no watchdog') || has('ignores abort')
          ? signal
          : AbortSignal.any([signal, AbortSignal.timeout(SILENCE_MS)]);
      answer = await backend.query(service, version, token, bound);
    } catch (error) {
      if (signal.aborted) return;
      // The time limit of a poll: a silent server, or one with no news. It is asked once more whether it is there.
      if ((error as Error).name === 'TimeoutError') {
        await backend.query(service, 0, token, AbortSignal.any([signal, AbortSignal.timeout(SILENCE_MS)]));
        continue;
      }
      if (has('empty on error')) feed.publish([]);
      if (has('throws undefined')) throw undefined;
      if (has('throws a TypeError'))
        throw new TypeError("Cannot read properties of undefined (reading 'body')");
      if (has('returns on error')) return;
      if (has('swallows errors')) {
        await pause(clock, 50, signal);
        continue;
      }
      if (has('retries by itself')) {
        await pause(clock, 1, signal);
        continue;
      }
      if (has('secret in errors')) throw new Error(`cannot reach memory://user:${token}@host`);
      throw error;
    }
    if (answer.status === 401)
      throw has('denial as outage')
        ? new Error('the server does not work')
        : new CrowflyError('denied', 'the server does not let us in');
    if (answer.status === 410) {
      if (has('empty during resync')) feed.publish([]);
      if (!has('sticks to the gap')) version = 0;
      continue;
    }
    if (answer.status === 404) {
      version = 0;
      if (has('swallows unknown')) await pause(clock, 20, signal);
      else if (has('unknown as empty')) say([]);
      else if (said !== 'unknown') {
        said = 'unknown';
        feed.unknown('not in memory');
      }
      await pause(clock, 20, signal);
      continue;
    }
    if (answer.status !== 200) throw new Error(`the server answered ${answer.status}`);
    fruitless = answer.version === version ? fruitless + 1 : 0;
    version = answer.version;
    const first = polls === 1;
    const endpoints = read(answer.body, watching);
    if (endpoints === undefined) {
      say([]);
      continue;
    }
    if (has('first set in parts') && first && endpoints.length > 1) feed.publish(endpoints.slice(0, 1));
    if (has('loses the last change')) {
      say(endpoints);
      await pause(clock, 30, signal);
      const now = await backend.query(service, 0, token, signal);
      if (now.status === 200) version = now.version;
      continue;
    }
    say(endpoints);
  }
}

function read(body: unknown, { has, random, feed }: Watching): Endpoint[] | undefined {
  if (!Array.isArray(body)) {
    if (has('unreadable as empty')) return undefined;
    if (has('unreadable as TypeError')) return (body as Endpoint[]).map((entry) => entry);
    throw new CrowflyError('bad-data', 'the answer is no list of instances');
  }
  const endpoints: Endpoint[] = [];
  for (const [index, entry] of (body as Partial<Endpoint>[]).entries()) {
    if (
      typeof entry !== 'object' ||
      entry === null ||
      typeof entry.host !== 'string' ||
      typeof entry.port !== 'number'
    ) {
      if (has('dies of one bad entry')) throw new CrowflyError('bad-data', `entry ${index} is no instance`);
      if (!has('silent about bad entries'))
        feed.report({ code: 'bad-entry', detail: `entry ${index} has no host or port`, entry: `#${index}` });
      continue;
    }
    if (has('dies of hostile hosts') && entry.host === '../x') throw new TypeError('Invalid URL');
    if (has('pollutes prototypes') && entry.metadata !== undefined && 'kitPolluted' in entry.metadata) {
      Object.defineProperty(Object.prototype, 'kitPolluted', {
        value: 'yes',
        configurable: true,
        enumerable: false,
      });
    }
    const { host, port, zone, weight, state, metadata } = entry;
    const id = has('ids by position')
      ? `#${endpoints.length}`
      : has('ids at random')
        ? String(random())
        : has('same id twice')
          ? host.slice(0, 7)
          : has('ignores the port')
            ? host
            : `${host}:${port}`;
    endpoints.push({
      id,
      host,
      port,
      ...(zone === undefined ? {} : { zone }),
      ...(weight === undefined || has('ignores weights') ? {} : { weight }),
      ...(state === undefined ? {} : { state }),
      ...(metadata === undefined ? {} : { metadata }),
    });
  }
  if (has('order of the backend') || has('ids by position')) return endpoints;
  return endpoints.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.after(ms, end);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}
