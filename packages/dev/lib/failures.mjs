// What failed, told again in few words: of a long log often only the end is kept.
import { stripVTControlCharacters } from 'node:util';

/** Lines of one failure: its title and the beginning of its error. */
const LINES = 20;
/** What a run says last, after its failures, may be why it failed: something open, a count below its goal. */
const LAST_WORDS = 3;
/** Failures that are told. */
const MOST = 10;
/** Lines of a command that is no run of mocha, or did not get to its end. */
const END = 40;

/** What failed in a run of mocha, each failure cut to its beginning; for any other command, its end. @param {string} output */
export function failuresIn(output) {
  const lines = stripVTControlCharacters(output).trimEnd().split('\n');
  const from = lines.findIndex((line) => /^\s+\d+ failing$/.test(line));
  if (from < 0) return lines.slice(-END).join('\n');

  /** @type {string[][]} */
  const failures = [];
  for (const line of lines.slice(from + 1)) {
    if (line.startsWith(`  ${failures.length + 1}) `)) failures.push([line]);
    else failures.at(-1)?.push(line);
  }
  const told = failures.slice(0, MOST).map((failure) => short(failure, failure === failures.at(-1)));
  if (failures.length > MOST) told.push(`  and ${failures.length - MOST} more`);
  return told.join('\n\n');
}

/** @param {readonly string[]} failure @param {boolean} isLast */
function short(failure, isLast) {
  const text = failure.join('\n').trimEnd().split('\n');
  const end = isLast ? LAST_WORDS : 0;
  const left = text.length - LINES - end;
  if (left <= 0) return text.join('\n');
  return [...text.slice(0, LINES), `     (${left} more lines)`, ...text.slice(LINES + left)].join('\n');
}
