// An instance of `orders` as its author writes it. Says its port, and the id of each order that it was sent.
import { createServer } from 'node:http';
import { gracefulShutdown } from 'crowfly';

const server = createServer((request, response) => {
  let id = '';
  request.on('data', (chunk) => {
    id += chunk;
  });
  request.on('end', () => {
    process.send?.({ executed: id });
    setTimeout(() => response.end(id), 20);
  });
});
gracefulShutdown(server, { delayMs: 1_000, onClosed: () => process.disconnect() });

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') process.send?.({ port: address?.port });
});
