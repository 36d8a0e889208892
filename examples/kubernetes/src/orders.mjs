// The service: says which pod answered, and leaves without losing a request when its pod is replaced.
import { createServer } from 'node:http';
import { hostname } from 'node:os';
import { gracefulShutdown } from 'crowfly';

// In Kubernetes, the name of the pod.
const pod = process.env.HOSTNAME ?? hostname();

const server = createServer((request, response) => {
  if (request.url === '/ready') {
    response.writeHead(lifecycle.state === 'serving' ? 200 : 503).end(lifecycle.state);
    return;
  }
  const id = request.url?.split('/').at(-1);
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ order: id, pod }));
});
const lifecycle = gracefulShutdown(server);

server.listen(Number(process.env.PORT ?? 8080), () => {
  const address = server.address();
  if (typeof address === 'object') console.log(`orders: ${pod} listens on port ${address?.port}`);
});
