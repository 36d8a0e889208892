// What only CI needs. It comes through npx, pinned here, so that a first `npm run demo` does not install it.
import { capture, StepFailed } from './process.mjs';

/** The oldest supported Node of each line that still has one, and the newest of the others. */
export const NODES = /** @type {const} */ (['20.19.0', '22.12.0', '24', '26']);

const TOOLS = { c8: '12.0.0', knip: '6.44.2', publint: '0.3.25', attw: '0.18.5' };

/**
 * Runs a tool that is no dependency of the workspace.
 * @param {keyof typeof TOOLS} name @param {readonly string[]} args @param {import('./process.mjs').RunOptions} [options]
 */
export function runTool(name, args, options) {
  const pkg = name === 'attw' ? '@arethetypeswrong/cli' : name;
  return capture('npx', ['--yes', `--package=${pkg}@${TOOLS[name]}`, '--', name, ...args], options);
}

/** The path of another Node, fetched at first use. @param {string} version such as `24` or `20.19.0` */
export async function nodeBinary(version) {
  if (process.versions.node === version) return process.execPath;
  const { code, stdout, output } = await capture('npx', [
    '--yes',
    `node@${version}`,
    '-p',
    'process.execPath',
  ]);
  if (code !== 0) throw new StepFailed(`cannot get Node ${version}:\n${output}`);
  return stdout.trim();
}
