import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One instance of the service, on a free port. */
export async function startOrders(name: string): Promise<{ address: string; kill(): void }> {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    if (request.method !== 'POST') return void response.end(JSON.stringify({ by: name, order: request.url }));
    let body = '';
    request.on('data', (part) => {
      body += part;
    });
    request.on('end', () =>
      response.writeHead(201).end(JSON.stringify({ by: name, placed: JSON.parse(body) })),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    kill() {
      server.close();
      server.closeAllConnections();
    },
  };
}
