// One instance of `orders`, as docs/registration.md shows it: registers itself, and leaves in order at SIGTERM.
import { createServer } from 'node:http';
import { createDiscovery, gracefulShutdown } from 'crowfly';
import { consul } from '../../../dist/index.js';

const [, , address = ''] = process.argv;
const discovery = createDiscovery({ registry: consul({ address }), env: false });
const server = createServer((_request, response) => {
  setTimeout(() => response.end(String(process.pid)), 5 + Math.random() * 10);
});
server.listen(0, '127.0.0.1', () => {
  const at = server.address();
  const port = typeof at === 'object' && at !== null ? at.port : 0;
  const registration = discovery.register({ service: 'orders', host: '127.0.0.1', port });
  gracefulShutdown(server, {
    onDraining: () => registration.drain(),
    beforeClose: () => registration.close(),
    onClosed: () => discovery.close(),
  });
  registration.ready({ timeoutMs: 30_000 }).then(() => console.log('ready'));
});
