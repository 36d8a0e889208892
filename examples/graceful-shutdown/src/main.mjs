// Starts the service, calls it without a pause, sends it SIGTERM, and tells what a caller sees.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('orders.mjs', import.meta.url));
const orders = spawn(process.execPath, [program, '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
const lines = createInterface({ input: orders.stdout });
const [first] = await once(lines, 'line');
lines.on('line', (line) => console.log(line));
const origin = `http://${first.split(' ').at(-1)}`;

/** @param {string} path */
async function ask(path) {
  const response = await fetch(origin + path);
  return `${path} ${response.status} ${await response.text()}, connection: ${response.headers.get('connection')}`;
}

console.log('before:', await ask('/ready'));
console.log('before:', await ask('/v1/42'));

const ended = once(orders, 'exit');
orders.kill('SIGTERM');

// A load balancer, or crowfly in another service, would turn away at the first 503 of /ready.
let answers = 0;
const until = performance.now() + 1_500;
let ready = '';
while (performance.now() < until) {
  const answer = await ask('/ready');
  if (answer !== ready) console.log('then:  ', answer);
  ready = answer;
  await ask('/v1/42');
  answers++;
}
console.log(answers > 10 ? 'then:   orders are still answered' : 'too few answers');

const [code] = await ended;
console.log('exit code', code);
