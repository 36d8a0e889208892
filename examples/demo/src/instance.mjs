// One instance of the `orders` service, in a process of its own: `node instance.mjs <name> [port]`.
// It answers with its name after about 10 ms; the demo, its parent, tells it to be slow, to fail, or to drain.
import { createServer } from 'node:http';
import { setTimeout } from 'node:timers/promises';

const SLOW_MS = 2000;

const [name, port = '0'] = process.argv.slice(2);
/** @type {'normal' | 'slow' | 'failing'} */
let mode = 'normal';
let inFlight = 0;

const server = createServer(async (request, response) => {
  inFlight++;
  response.on('close', () => inFlight--);
  const status = mode === 'failing' ? 503 : 200;
  if (mode === 'slow') await setTimeout(SLOW_MS);
  else if (mode === 'normal') await setTimeout(normal(10, 2));
  const body = JSON.stringify({ instance: name, path: request.url });
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
});

server.on('listening', () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' ? address?.port : undefined });
});
// One that is restarted wants the port it had; somebody may be using it for a moment.
server.on('error', async () => {
  await setTimeout(100);
  server.listen(Number(port), '127.0.0.1');
});
server.listen(Number(port), '127.0.0.1');

process.on('message', async (/** @type {'normal' | 'slow' | 'failing' | 'drain'} */ order) => {
  if (order !== 'drain') {
    mode = order;
    return;
  }
  // Takes no new connections, finishes what it has, and goes.
  server.close();
  while (inFlight > 0) await setTimeout(10);
  process.exit();
});
// Never outlives the demo, however that ends. Ctrl-C reaches the whole process group, but is meant for the demo.
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => {});

/**
 * A normally distributed time (Box and Muller's transform), in milliseconds.
 * @param {number} mean @param {number} deviation
 */
function normal(mean, deviation) {
  const radius = Math.sqrt(-2 * Math.log(1 - Math.random()));
  return Math.max(1, mean + deviation * radius * Math.cos(2 * Math.PI * Math.random()));
}
