// Runs in a namespace of its own; prints one JSON object about what a client sees when an address vanishes.
import { Agent, createServer, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { addAddress, dropPackets, restorePackets } from '@crowfly/servers';

const [address = '', other = ''] = process.argv.slice(2);
/** Longer than an answer over loopback takes by a factor of thousands. */
const HANGS_MS = 1_500;

await addAddress(address);
await addAddress(other);
const servers = [address, other].map((host) =>
  createServer((_, response) => response.end('here')).listen({ port: 8080, host }),
);
const agent = new Agent({ keepAlive: true });

function get(host: string, via: Agent | undefined): Promise<string> {
  return new Promise((resolve) => {
    const sent = request(
      { host, port: 8080, ...(via ? { agent: via } : { agent: new Agent() }) },
      (response) => {
        response.resume().once('end', () => resolve(sent.reusedSocket ? 'pooled' : 'new'));
      },
    );
    sent.once('error', (error) => resolve(`failed: ${error.message}`));
    sent.end();
  });
}

const orHang = (answer: Promise<string>): Promise<string> =>
  Promise.race([answer, sleep(HANGS_MS).then(() => 'hangs')]);

const before = [await get(address, agent), await get(address, agent)];
await dropPackets(address);
const pooled = get(address, agent);
const fresh = get(address, undefined);
const during = await Promise.all([orHang(pooled), orHang(fresh), orHang(get(other, undefined))]);
await restorePackets(address);
const after = await Promise.all([pooled, fresh]);

console.log(JSON.stringify({ before, during, after }));
agent.destroy();
for (const server of servers) server.close();
