import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One instance of the service, on a free port. */
export async function startInstance(name: string): Promise<{ address: string; stop(): void }> {
  const server = createServer((_request, response) => response.end(name));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
