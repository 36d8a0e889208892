import { EVENT_ID, type Event, getScalarValue, type ScalarEvent } from 'js-yaml';
import type { Path } from '../flaw.js';

/** Where a node of a document stands, and the nodes in it. */
export class Place {
  readonly offset: number;
  readonly #parts: Map<string | number, Place> | undefined;

  constructor(offset: number, parts?: Map<string | number, Place>) {
    this.offset = offset;
    this.#parts = parts;
  }

  /** The offset of the deepest node on `path`. */
  find(path: Path): number {
    let place: Place = this;
    for (const step of path) {
      const part = place.#parts?.get(step);
      if (part === undefined) break;
      place = part;
    }
    return place.offset;
  }
}

/** The places of a document, from the events of its parser. A value under a key stands where the key stands. */
export function buildPlaces(events: readonly Event[], source: string): Place {
  let index = 0;
  const node = (keyOffset?: number): Place => {
    const event = events[index++];
    switch (event?.type) {
      case EVENT_ID.SCALAR:
        return new Place(keyOffset ?? event.valueStart);
      case EVENT_ID.ALIAS:
        return new Place(keyOffset ?? event.anchorStart);
      case EVENT_ID.SEQUENCE: {
        const parts = new Map<number, Place>();
        while (!closed()) parts.set(parts.size, node());
        return new Place(keyOffset ?? event.start, parts);
      }
      case EVENT_ID.MAPPING: {
        const parts = new Map<string, Place>();
        while (!closed()) {
          const key = events[index];
          const { offset } = node();
          const value = node(offset);
          if (key?.type === EVENT_ID.SCALAR) parts.set(scalar(key, source), value);
        }
        return new Place(keyOffset ?? event.start, parts);
      }
      default:
        return new Place(keyOffset ?? 0);
    }
  };
  const closed = (): boolean => {
    const event = events[index];
    if (event !== undefined && event.type !== EVENT_ID.POP) return false;
    index++;
    return true;
  };
  if (events[0]?.type === EVENT_ID.DOCUMENT) index++;
  return node();
}

const scalar = (event: ScalarEvent, source: string): string => getScalarValue(source, event);
