import { createSocket, type Socket } from 'node:dgram';
import type { AddressInfo } from 'node:net';

/** Response codes: the server cannot say; there is no such name. */
export const SERVFAIL = 2;
const NXDOMAIN = 3;

/** What is said of a name: addresses by type, or a response code; `undefined`: nothing. */
export type Answer =
  | { readonly a?: readonly string[]; readonly aaaa?: readonly string[]; readonly ttl?: number }
  | number
  | undefined;

const A = 1;
const AAAA = 28;

/** A DNS server in this process: as much of it as a stub resolver needs. */
export class DnsServer {
  /** By `name/A` and `name/AAAA`, or by the name alone; else NXDOMAIN. */
  readonly answers = new Map<string, Answer>();
  readonly asked: string[] = [];
  readonly #socket: Socket = createSocket('udp4');

  static async start(): Promise<DnsServer> {
    const self = new DnsServer();
    self.#socket.on('message', (query, { port, address }) => {
      const reply = self.#reply(query);
      if (reply !== undefined) self.#socket.send(reply, port, address);
    });
    await new Promise<void>((resolve) => self.#socket.bind(0, '127.0.0.1', resolve));
    return self;
  }

  get address(): string {
    return `127.0.0.1:${(this.#socket.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  #reply(query: Buffer): Buffer | undefined {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const type = query.readUInt16BE(at + 1);
    const question = query.subarray(12, at + 5);
    const name = labels.join('.');
    const typed = `${name}/${type === A ? 'A' : 'AAAA'}`;
    this.asked.push(typed);
    const key = this.answers.has(typed) ? typed : name;
    const answer = this.answers.has(key) ? this.answers.get(key) : NXDOMAIN;
    if (answer === undefined) return undefined;
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180 | (typeof answer === 'number' ? answer : 0), 2);
    header.writeUInt16BE(1, 4);
    if (typeof answer === 'number') return Buffer.concat([header, question]);
    const addresses = (type === A ? answer.a : type === AAAA ? answer.aaaa : undefined) ?? [];
    header.writeUInt16BE(addresses.length, 6);
    return Buffer.concat([
      header,
      question,
      ...addresses.map((text) => record(type, answer.ttl ?? 30, bytesOf(text))),
    ]);
  }
}

function record(type: number, ttl: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  // A pointer to the name in the question.
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttl, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

/** IPv6 only as `fd00::1`: one gap, at most one group after it. */
function bytesOf(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const [start = '', end = ''] = address.split('::');
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16BE(Number.parseInt(start, 16), 0);
  bytes.writeUInt16BE(Number.parseInt(end, 16), 14);
  return bytes;
}
