import { printable } from '@crowfly/core';
import {
  constructFromEvents,
  type Event,
  FAILSAFE_SCHEMA,
  nullCoreTag,
  parseEvents,
  YAMLException,
} from 'js-yaml';
import { scanJson } from './json-scan.js';
import { SyntaxFault } from './syntax-fault.js';
import type { Wanted } from './wanted.js';
import { findInEvents } from './yaml-places.js';

export type FileFormat = 'json' | 'yaml';

/** A text, read: its data, and where parts of it stand. */
export interface Document {
  readonly value: unknown;
  /** Fills in the places that are wanted: one walk over the document. */
  locate(wanted: Wanted): void;
}

const EMPTY = "the file is empty; write 'services: {}' if that is meant";
const MAX_DEPTH = 32;
const MAX_ALIASES = 1_000;
// Scalars stay as they are written: a version 1.10 is no number, and the readers of fields know what they expect.
const SCHEMA = FAILSAFE_SCHEMA.withTags(nullCoreTag);

/**
 * JSON goes through `JSON.parse`, which is several times as fast as reading it as the YAML that it also is.
 *
 * @throws SyntaxFault for anything that is not one sound document
 */
export function readDocument(text: string, format: FileFormat): Document {
  if (text.trim() === '')
    throw new SyntaxFault(0, "the file is empty; write 'services: {}' if that is meant");
  return format === 'json' ? readJson(text) : readYaml(text);
}

function readJson(text: string): Document {
  scanJson(text, MAX_DEPTH);
  return { value: JSON.parse(text), locate: (wanted) => scanJson(text, MAX_DEPTH, wanted) };
}

function readYaml(text: string): Document {
  const { events, documents } = parseYaml(text);
  if (documents.length === 0) throw new SyntaxFault(0, EMPTY);
  if (documents.length > 1)
    throw new SyntaxFault(0, 'expected one document; a file holds all its services in one');
  return { value: documents[0], locate: (wanted) => findInEvents(events, text, wanted) };
}

function parseYaml(text: string): { events: Event[]; documents: unknown[] } {
  try {
    const events = parseEvents(text, { maxDepth: MAX_DEPTH });
    return {
      events,
      documents: constructFromEvents(events, { source: text, schema: SCHEMA, maxAliases: MAX_ALIASES }),
    };
  } catch (error) {
    // Its message shows the lines around; a file may hold what does not belong into a log.
    if (error instanceof YAMLException)
      throw new SyntaxFault(error.mark?.position ?? 0, printable(error.reason));
    throw error;
  }
}
