import { createServer } from 'node:net';

// Below the ports from which systems take those of outgoing connections: a server that is restarted must find its own
// port free again. 10,000 and some for the many that are started at the same time.
const FIRST = 15_000;
const COUNT = 14_000;
const TRIES = 200;

/** A TCP port of 127.0.0.1 that was free a moment ago. Whoever takes it must be ready to find it taken. */
export async function freePort(): Promise<number> {
  for (let left = TRIES; left > 0; left--) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await canListen(port)) return port;
  }
  throw new Error(`none of ${TRIES} ports drawn from ${FIRST} to ${FIRST + COUNT - 1} was free`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
