import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { TcpProxy, until } from '@crowfly/servers';
import { expect } from 'chai';

describe('a TcpProxy', () => {
  let server: Server;
  let proxy: TcpProxy;
  let served: Socket[];
  let clients: Client[];

  beforeEach(async () => {
    served = [];
    clients = [];
    server = createServer({ allowHalfOpen: true }, (socket) => {
      served.push(socket);
      socket.on('error', () => {});
      socket.on('data', (data) => socket.write(data));
      socket.on('end', () => socket.end('bye'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await TcpProxy.to({ port: (server.address() as { port: number }).port });
  });
  afterEach(async () => {
    for (const { socket } of clients) socket.destroy();
    await proxy.close();
    for (const socket of served) socket.destroy();
    server.close();
  });

  interface Client {
    readonly socket: Socket;
    text: string;
    error: string | undefined;
    ended: boolean;
  }

  function client(): Client {
    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    const one: Client = { socket, text: '', error: undefined, ended: false };
    socket.setEncoding('latin1').on('data', (text) => {
      one.text += text;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      one.error = error.code;
    });
    socket.on('end', () => {
      one.ended = true;
    });
    clients.push(one);
    return one;
  }

  const gets = (one: Client, text: string): Promise<unknown> =>
    until(`'${text.slice(0, 20)}'`, () => one.text === text);
  /** A whole round through the same server, after which what was going to arrive elsewhere would have arrived. */
  const roundTrip = async (): Promise<void> => {
    const other = await TcpProxy.to({ port: (server.address() as { port: number }).port });
    const socket = connect({ port: other.port, host: '127.0.0.1' });
    for (let i = 0; i < 5; i++) {
      socket.write('x');
      await once(socket, 'data');
    }
    socket.destroy();
    await other.close();
  };

  it('passes bytes and ends on as they are, both ways, however many there are', async () => {
    const sent = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => (index * 7) % 256)).toString(
      'latin1',
    );
    const one = client();
    one.socket.end(Buffer.from(sent, 'latin1'));
    await until('the echo', () => one.ended);
    expect(one.text === `${sent}bye`).to.equal(true);
    await until('the end', () => proxy.connections === 0);
    expect(proxy.opened).to.equal(1);
  });

  it('counts the connections that are open', async () => {
    const [one] = [client(), client()];
    await until('two', () => proxy.connections === 2);
    one!.socket.destroy();
    await until('one', () => proxy.connections === 1);
    expect(proxy.opened).to.equal(2);
  });

  it('freezes: old connections never carry anything again, new ones are silent until it thaws', async () => {
    const old = client();
    old.socket.write('a');
    await gets(old, 'a');
    proxy.freeze();
    old.socket.write('b');
    const young = client();
    await once(young.socket, 'connect');
    young.socket.write('c');
    await roundTrip();
    expect(old.text).to.equal('a');
    expect(young.text).to.equal('');
    expect(proxy.connections).to.equal(2);

    proxy.thaw();
    await gets(young, 'c');
    old.socket.write('d');
    served[0]!.end('e');
    await roundTrip();
    expect(old).to.include({ text: 'a', ended: false, error: undefined });
  });

  it('notices that a client leaves a frozen connection, and does not tell the server', async () => {
    const one = client();
    one.socket.write('a');
    await gets(one, 'a');
    proxy.freeze();
    const silent = client();
    await until('the second', () => proxy.connections === 2);
    one.socket.destroy();
    silent.socket.destroy();
    await until('their end', () => proxy.connections === 0);
    await roundTrip();
    expect(served[0]!.readableEnded).to.equal(false);
  });

  it('cuts connections with a reset, on both sides', async () => {
    const one = client();
    one.socket.write('a');
    await gets(one, 'a');
    proxy.reset();
    await until('the reset', () => one.error);
    expect(one.error).to.equal('ECONNRESET');
    await until("the end of the server's side", () => served[0]!.destroyed);
    await until('no connection', () => proxy.connections === 0);
    const next = client();
    next.socket.write('b');
    await gets(next, 'b');
  });

  it('refuses new connections, and accepts them again on the same port', async () => {
    const old = client();
    old.socket.write('a');
    await gets(old, 'a');
    await proxy.refuse();
    const refused = client();
    await until('the refusal', () => refused.error);
    expect(refused.error).to.equal('ECONNREFUSED');
    old.socket.write('b');
    await gets(old, 'ab');
    await proxy.accept();
    const next = client();
    next.socket.write('c');
    await gets(next, 'c');
  });

  it('holds new connections until they are released, while old ones go on', async () => {
    const old = client();
    old.socket.write('a');
    await gets(old, 'a');
    proxy.hold();
    const held = client();
    held.socket.write('b');
    old.socket.write('c');
    await gets(old, 'ac');
    expect(held.text).to.equal('');
    expect(served).to.have.length(1);
    proxy.release();
    await gets(held, 'b');
  });

  it('resets a client whose server cannot be reached', async () => {
    server.close();
    const one = client();
    await until('the reset', () => one.error);
    expect(one.error).to.equal('ECONNRESET');
  });

  it('drips: bytes come one by one, and all of them', async () => {
    proxy.drip(0.5);
    const one = client();
    const pieces: number[] = [];
    one.socket.on('data', (data) => pieces.push(data.length));
    one.socket.write('slowly does it');
    await gets(one, 'slowly does it');
    expect(pieces.length).to.be.greaterThan(2);
    proxy.drip(undefined);
  });

  it('cuts what it passes on into small pieces', async () => {
    proxy.chunkBytes(3);
    const one = client();
    one.socket.write('abcdefgh');
    await gets(one, 'abcdefgh');
  });

  it('ends with everything it holds, more than once', async () => {
    const one = client();
    await until('it', () => proxy.connections === 1);
    await proxy.close();
    await proxy.close();
    await until('the reset', () => one.error);
  });
});
