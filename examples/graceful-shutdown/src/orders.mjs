// An `orders` service that leaves without losing a request: `node orders.mjs 3001` (0: any free port).
import { createServer } from 'node:http';
import { gracefulShutdown } from 'crowfly';

const server = createServer((request, response) => {
  if (request.url === '/ready') {
    response.statusCode = lifecycle.state === 'serving' ? 200 : 503;
    response.end(lifecycle.state);
    return;
  }
  setTimeout(() => response.end('an order'), 20);
});

const lifecycle = gracefulShutdown(server, {
  delayMs: 2_000, // for the eye; leave the default, 5000, where it counts
  onClosed: () => console.log('orders: the last request is answered'),
});

server.listen(Number(process.argv[2] ?? 3001), '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(`orders: listening on 127.0.0.1:${address?.port}`);
});
