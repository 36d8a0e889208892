import { EVENT_ID, type Event, getScalarValue } from 'js-yaml';
import type { Wanted } from './wanted.js';

/** Finds places in a document, from the events of its parser. A value under a key stands where the key stands. */
export function findInEvents(events: readonly Event[], source: string, wanted: Wanted): void {
  let index = events[0]?.type === EVENT_ID.DOCUMENT ? 1 : 0;

  const closed = (): boolean => {
    const event = events[index];
    if (event !== undefined && event.type !== EVENT_ID.POP) return false;
    index++;
    return true;
  };

  /** Goes past one node. @returns where it starts */
  const node = (here: Wanted | undefined, keyOffset?: number): number => {
    const event = events[index++];
    const offset = startOf(event);
    if (here !== undefined) here.offset = keyOffset ?? offset;
    if (event?.type === EVENT_ID.SEQUENCE) {
      for (let item = 0; !closed(); item++) node(here?.part(item));
    } else if (event?.type === EVENT_ID.MAPPING) {
      while (!closed()) {
        const key = events[index];
        const name =
          here !== undefined && key?.type === EVENT_ID.SCALAR ? getScalarValue(source, key) : undefined;
        const keyStart = node(undefined);
        node(name === undefined ? undefined : here?.part(name), keyStart);
      }
    }
    return offset;
  };

  node(wanted);
}

function startOf(event: Event | undefined): number {
  switch (event?.type) {
    case EVENT_ID.SCALAR:
      return event.valueStart;
    case EVENT_ID.SEQUENCE:
    case EVENT_ID.MAPPING:
      return event.start;
    case EVENT_ID.ALIAS:
      return event.anchorStart;
    default:
      return 0;
  }
}
