// A tiny `orders` service: `node orders.mjs 3001 3002` starts an instance on each port (0: any free one).
import { once } from 'node:events';
import { createServer } from 'node:http';

for (const port of process.argv.slice(2)) {
  const server = createServer((request, response) => {
    const id = request.url?.split('/').at(-1);
    response.end(`order ${id}, says the instance on port ${request.socket.localPort}`);
  });
  server.listen(Number(port), '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address === 'object') console.log(`orders: listening on 127.0.0.1:${address?.port}`);
}
