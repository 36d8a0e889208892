// A service in a process of its own, as its author writes it. Says its port, then what happens to it.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { gracefulShutdown } from '@crowfly/http';

const { linger, held, ...options } = JSON.parse(process.argv[2] ?? '{}');
const say = (/** @type {unknown} */ message) => process.send?.(message);

const server = createServer((request, response) => {
  if (request.url === '/stream') return void response.write('event');
  request.resume().on('end', () => setTimeout(() => response.end('ok'), 2));
});
gracefulShutdown(server, {
  ...options,
  onDraining: async () => {
    say('draining');
    // Clients have learned of it when our parent says so, however busy the machine is.
    if (held) await once(process, 'message');
  },
  onClosed: () => say('closed'),
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  say(typeof address === 'object' && address?.port);
});
// What keeps many a process alive for ever.
if (linger) setInterval(() => {}, 1_000);
