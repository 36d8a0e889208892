import type { WriteStream } from 'node:tty';
import type { Explanation } from 'crowfly';
import { PHASES } from './phases.js';
import type { Run, View } from './run.js';
import { Screen } from './screen.js';
import { count, type Line, milliseconds, percent, table } from './table.js';

const REDRAW_MS = 250;
/** Shares and latencies are those of the answers in this time. */
const RECENT_MS = 2000;
const EVENTS = 6;

const COLUMNS = [
  { head: 'instance' },
  { head: 'state' },
  { head: 'share', align: 'right' },
  { head: 'in flight', align: 'right' },
  { head: 'p50', align: 'right' },
  { head: 'why' },
] as const;

/** For a terminal: a table of the instances, drawn again a few times a second. */
export class LiveView implements View {
  readonly #screen: Screen;
  readonly #events: string[] = [];
  #run: Run | undefined;
  #phase = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(out: WriteStream) {
    this.#screen = new Screen(out);
  }

  begin(run: Run): void {
    this.#run = run;
    this.#timer = setInterval(() => void this.#draw(run), REDRAW_MS);
  }

  phase(name: string): void {
    this.#phase = name;
  }

  event(text: string): void {
    const at = this.#run === undefined ? 0 : elapsed(this.#run);
    this.#events.push(`${at.toFixed(1).padStart(5)} s  ${text}`);
    // There is no table yet.
    if (this.#run === undefined) this.#screen.draw(this.#events.map((text) => ({ text })));
  }

  close(): void {
    clearInterval(this.#timer);
    this.#screen.close();
  }

  async #draw(run: Run): Promise<void> {
    this.#screen.draw(this.#lines(run, await run.discovery.explain('orders')));
  }

  #lines(run: Run, explanation: Explanation): Line[] {
    const number = PHASES.findIndex(({ name }) => name === this.#phase) + 1;
    const time = `${elapsed(run).toFixed(0)} of ${run.seconds} s`;
    return [
      { text: `crowfly demo: ${this.#phase} (phase ${number} of ${PHASES.length}, ${time})`, tone: 'title' },
      { text: '' },
      ...instances(run, explanation),
      { text: '' },
      ...callers(run),
      { text: '' },
      ...this.#events.slice(-EVENTS).map((text): Line => ({ text, tone: 'quiet' })),
    ];
  }
}

function instances({ crowfly }: Run, { instances }: Explanation): Line[] {
  const { share } = crowfly.tally.last(RECENT_MS);
  const rows = instances.map(({ endpoint: { id }, inFlight, state, why }) => [
    id,
    state,
    percent(share[id] ?? 0),
    String(inFlight),
    share[id] === undefined ? '-' : milliseconds(crowfly.tally.last(RECENT_MS, id).p50Ms),
    why,
  ]);
  const [head = '', ...texts] = table(COLUMNS, rows);
  const tones = instances.map(({ state }) =>
    state === 'eligible' ? 'good' : state === 'ejected' ? 'bad' : 'warn',
  );
  return [
    { text: head, tone: 'quiet' },
    ...texts.map((text, at): Line => ({ text, tone: tones[at] ?? 'warn' })),
  ];
}

function callers({ crowfly, roundRobin }: Run): Line[] {
  const row = (name: string, { tally }: Run['crowfly']): string[] => {
    const { p50Ms, p99Ms } = tally.last(RECENT_MS);
    return [name, count(tally.failures), count(tally.calls), milliseconds(p50Ms), milliseconds(p99Ms)];
  };
  const columns = ['caller', 'failures', 'calls', 'p50', 'p99'].map((head, at) => ({
    head,
    align: at === 0 ? ('left' as const) : ('right' as const),
  }));
  const [head = '', ...texts] = table(columns, [
    row('crowfly', crowfly),
    row('plain round robin', roundRobin),
  ]);
  const clients = [crowfly, roundRobin];
  return [
    { text: head, tone: 'quiet' },
    ...texts.map((text, at): Line => ({ text, tone: clients[at]?.tally.failures === 0 ? 'good' : 'bad' })),
  ];
}

const elapsed = ({ startedAt }: Run): number => (performance.now() - startedAt) / 1000;
