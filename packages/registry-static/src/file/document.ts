import { printable } from '@crowfly/core';
import {
  constructFromEvents,
  type Event,
  FAILSAFE_SCHEMA,
  nullCoreTag,
  parseEvents,
  YAMLException,
} from 'js-yaml';
import type { Path } from '../flaw.js';
import { checkJson, SyntaxFault } from './json-syntax.js';
import { buildPlaces, type Place } from './places.js';

export type FileFormat = 'json' | 'yaml';

/** A text, read: its data, and where each part of it stands. */
export interface Document {
  readonly value: unknown;
  /** The offset of the deepest part of `path` that is there. Costs a parse on first use: for reports only. */
  offset(path: Path): number;
}

const MAX_DEPTH = 32;
const MAX_ALIASES = 1_000;
// Scalars stay as they are written: a version 1.10 is no number, and readers of fields know what they expect.
const SCHEMA = FAILSAFE_SCHEMA.withTags(nullCoreTag);

/**
 * JSON goes through `JSON.parse`, which is ten times as fast as reading it as the YAML that it also is.
 *
 * @throws SyntaxFault for anything that is not one sound document
 */
export function readDocument(text: string, format: FileFormat): Document {
  if (text.trim() === '')
    throw new SyntaxFault(0, "the file is empty; write 'services: {}' if that is meant");
  const { value, events } = format === 'json' ? readJson(text) : readYaml(text);
  let places: Place | undefined;
  return {
    value,
    offset(path) {
      places ??= buildPlaces(events(), text);
      return places.find(path);
    },
  };
}

interface Read {
  readonly value: unknown;
  readonly events: () => readonly Event[];
}

function readJson(text: string): Read {
  checkJson(text, MAX_DEPTH);
  return { value: JSON.parse(text), events: () => parseEvents(text, { maxDepth: MAX_DEPTH }) };
}

function readYaml(text: string): Read {
  try {
    const events = parseEvents(text, { maxDepth: MAX_DEPTH });
    const documents = constructFromEvents(events, { source: text, schema: SCHEMA, maxAliases: MAX_ALIASES });
    if (documents.length === 1) return { value: documents[0], events: () => events };
  } catch (error) {
    // Its message shows the lines around; a file may hold what does not belong into a log.
    if (error instanceof YAMLException)
      throw new SyntaxFault(error.mark?.position ?? 0, printable(error.reason));
    throw error;
  }
  throw new SyntaxFault(0, 'expected one document; a file holds all its services in one');
}
