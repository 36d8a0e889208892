// Child processes: exit codes and signals pass through, and a step that fails stops with one line.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** A failure that needs no stack: its message is the one-line reason. */
export class StepFailed extends Error {
  /** @param {string} reason @param {number} [exitCode] */
  constructor(reason, exitCode = 1) {
    super(reason);
    this.exitCode = exitCode;
  }
}

/** @param {string} text */
export const say = (text) => process.stderr.write(`crowfly: ${text}\n`);

/**
 * Runs a command of the workspace; what it returns is the exit code.
 * @param {() => Promise<number | void>} command
 */
export async function main(command) {
  try {
    process.exitCode = (await command()) ?? 0;
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    say(error.message);
    process.exitCode = error.exitCode;
  }
}

// What npm knows about the network and its cache; the rest of npm_* describes the script that npm is
// running (its package, its flags: even --json of `npm run --json`) and would steer a nested npx or pnpm.
const KEPT =
  /^npm_config_(registry|userconfig|globalconfig|cache|.*proxy|cafile|ca|strict_ssl|offline|prefer_offline)$/;

/** @returns {NodeJS.ProcessEnv} */
function cleanEnv() {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('npm_') || KEPT.test(name)),
  );
}

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env] added to a clean environment
 * @property {boolean} [interactive] the child gets this process's standard input
 */

/**
 * Runs a program on this process's own output; resolves to its exit code (128 + n after a signal).
 * @param {string} program @param {readonly string[]} args @param {RunOptions} [options]
 */
export async function run(program, args, options = {}) {
  return (await start(program, args, options, 'inherit')).code;
}

/**
 * Runs a program and keeps what it says: `output` is both streams in order, `stdout` only the one.
 * @param {string} program @param {readonly string[]} args @param {RunOptions} [options]
 */
export function capture(program, args, options = {}) {
  return start(program, args, options, 'pipe');
}

/**
 * @param {string} program @param {readonly string[]} args @param {RunOptions} options
 * @param {'inherit' | 'pipe'} output
 * @returns {Promise<{ code: number, output: string, stdout: string }>}
 */
export function start(program, args, { cwd, env, interactive = false }, output) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...cleanEnv(), ...env },
      stdio: [interactive ? 'inherit' : 'ignore', output, output],
      shell: process.platform === 'win32' && program === 'npx', // there it is a .cmd file
    });
    const said = { output: '', stdout: '' };
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      said.output += text;
      said.stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      said.output += text;
    });
    const stopForwarding = forwardSignals(child);
    child.once('error', (cause) => {
      stopForwarding();
      reject(new StepFailed(`cannot start ${program}: ${cause.message}`));
    });
    child.once('close', (code, signal) => {
      stopForwarding();
      resolve({ code: code ?? 128 + constants.signals[/** @type {NodeJS.Signals} */ (signal)], ...said });
    });
  });
}

/** @param {import('node:child_process').ChildProcess} child */
function forwardSignals(child) {
  /** @param {NodeJS.Signals} signal */
  const forward = (signal) => {
    // Ctrl-C reaches the whole foreground group by itself: a second one could cut a clean shutdown short.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
  for (const signal of signals) process.on(signal, forward);
  return () => {
    for (const signal of signals) process.off(signal, forward);
  };
}
