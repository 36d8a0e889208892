// Four small servers in a process of their own, so that what is measured is the client. Sends their ports to the parent.
import { createServer } from 'node:http';

const body = Buffer.from(JSON.stringify({ id: 42, state: 'shipped', items: ['a', 'b', 'c'] }));
const ports = [];
for (let n = 0; n < 4; n++) {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  ports.push(server.address().port);
}
process.on('disconnect', () => process.exit());
process.send(ports);
