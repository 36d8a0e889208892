// A pod's container: an HTTP server that leaves as users are told to. Arguments: address, port, pod, log of POSTs.
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { gracefulShutdown } from '@crowfly/http';

const [host = '', port = '', pod = '', log = ''] = process.argv.slice(2);

const server = createServer((request, response) => {
  const id = request.headers['x-id'];
  // What was executed is written down first: an answer that is lost afterwards has been executed all the same.
  if (request.method === 'POST' && typeof id === 'string') appendFileSync(log, `${id}\n`);
  request.resume();
  setTimeout(() => response.setHeader('x-pod', pod).end(pod), 2 + Math.random() * 6);
});
server.listen(Number(port), host, () => process.stdout.write('listening\n'));
gracefulShutdown(server, { logger: false });
