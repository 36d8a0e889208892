import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { RegistryAnswer, RegistryClient } from '@crowfly/http';
import { expect } from 'chai';
import { failure, fixture, never, Relay, Rig, until } from './support/rig.ts';

describe('a registry client over HTTP/2', () => {
  let rig: Rig;
  let sessions: ServerHttp2Session[];
  beforeEach(() => {
    rig = new Rig();
    sessions = [];
  });
  afterEach(() => rig.close());

  async function serve(
    onStream: (stream: ServerHttp2Stream, path: string) => void,
    settings: object = {},
  ): Promise<number> {
    const server: Http2SecureServer = createSecureServer({
      cert: fixture('registry.pem'),
      key: fixture('registry-key.pem'),
      settings,
      // In MB: of the server's own limit a test is not to hear.
      maxSessionMemory: 1000,
    });
    server.on('session', (session) => {
      sessions.push(session);
      session.on('error', () => {});
    });
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      onStream(stream, headers[':path'] ?? '');
    });
    return rig.listen(server as never);
  }

  /** `/watch` never ends, everything else says what it was asked. */
  const plain = (stream: ServerHttp2Stream, path: string): void => {
    stream.respond({ ':status': 200 });
    if (path.startsWith('/watch')) stream.write('open');
    else stream.end(path);
  };

  const get = (client: RegistryClient, path = '/', signal = never): Promise<RegistryAnswer> =>
    client.request({ path, signal, silenceMs: 0 });

  /** A watch that is open; `ended` is what it ends with. */
  async function watch(
    client: RegistryClient,
    path = '/watch',
    signal = never,
  ): Promise<{ ended: Promise<Error> }> {
    const answer = await get(client, path, signal);
    let opened = (): void => {};
    const open = new Promise<void>((resolve) => {
      opened = resolve;
    });
    const ended = failure(
      (async () => {
        for await (const _ of answer.chunks()) opened();
      })(),
    );
    await open;
    return { ended };
  }

  it('puts any number of requests on one connection, the first ones too', async () => {
    const client = rig.to(await serve(plain), { http2: true });
    await Promise.all(Array.from({ length: 50 }, () => watch(client)));
    expect(await (await get(client, '/more')).text()).to.equal('/more');
    expect([client.connections, sessions.length]).to.deep.equal([1, 1]);
  });

  it('opens further connections only when the server takes no more requests on those it has', async () => {
    const client = rig.to(await serve(plain, { maxConcurrentStreams: 10 }), { http2: true });
    const control = new AbortController();
    const watches = await Promise.all(
      Array.from({ length: 25 }, () => watch(client, '/watch', control.signal)),
    );
    expect(client.connections).to.equal(3);
    control.abort();
    for (const { ended } of watches) await ended;
    await Promise.all(Array.from({ length: 5 }, () => watch(client)));
    expect(client.connections).to.equal(3);
  });

  it('lets a server send far ahead, or a distant one would wait for permission most of the time', async () => {
    const client = rig.to(await serve(plain), { http2: true });
    await watch(client);
    expect(sessions[0]?.remoteSettings.initialWindowSize).to.equal(1024 * 1024);
    await until(() => (sessions[0]?.state.remoteWindowSize ?? 0) > 7 * 1024 * 1024);
  });

  it('says so when a server takes no requests at all', async () => {
    const client = rig.to(await serve(plain, { maxConcurrentStreams: 0 }), { http2: true });
    const error = await failure(get(client));
    expect(error.message).to.match(/^https:\S+ takes no requests on a new connection$/);
    await until(() => client.connections === 0);
  });

  it('resets the streams of aborted requests, and nothing else', async () => {
    const codes: number[] = [];
    const client = rig.to(
      await serve((stream, path) => {
        plain(stream, path);
        stream.on('close', () => codes.push(stream.rstCode ?? -1));
      }),
      { http2: true },
    );
    const control = new AbortController();
    const aborted = await watch(client, '/watch', control.signal);
    const other = await watch(client);
    control.abort();
    await aborted.ended;
    await until(() => codes.length > 0);
    expect(codes).to.deep.equal([constants.NGHTTP2_CANCEL]);
    expect(await (await get(client, '/more')).text()).to.equal('/more');
    expect(sessions).to.have.length(1);
    await client.close();
    expect(await other.ended).to.have.property('code', 'closed');
  });

  it('shares one attempt to connect, which ends with the last who waits for it', async () => {
    let accepted = 0;
    let closed = 0;
    const port = await rig.tcp((socket) => {
      accepted++;
      socket.resume().on('close', () => closed++);
    });
    const client = rig.to(port, { http2: true });
    const controls = [new AbortController(), new AbortController()] as const;
    const asked = controls.map(({ signal }) => failure(get(client, '/', signal)));
    await until(() => accepted === 1);
    controls[0].abort();
    await asked[0];
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(closed).to.equal(0);
    controls[1].abort();
    await until(() => closed === 1);
    expect(accepted).to.equal(1);
  });

  it('notices a connection that is dead, by a ping, and opens another one', async () => {
    const { relay, port } = await Relay.start(rig, await serve(plain));
    const client = rig.to(port, { http2: true });
    const watches = await Promise.all(Array.from({ length: 3 }, () => watch(client)));
    await rig.elapse(60_000);
    relay.freeze();
    const frozenAt = rig.clock.now();
    const errors = await rig.passing(500, Promise.all(watches.map(({ ended }) => ended)));
    expect(rig.clock.now() - frozenAt).to.be.within(5_000, 16_000);
    for (const error of errors) {
      expect(error).to.have.property('code', 'registry-failed');
      expect(error.message).to.match(
        /^https:\S+ was silent for \d{5} ms and did not answer a ping within 5000 ms \(pingTimeoutMs\): it hangs, or the network is cut$/,
      );
    }
    relay.thaw();
    expect(await (await get(client, '/again')).text()).to.equal('/again');
    expect(client.connections).to.equal(1);
  });

  for (const afterMs of [500, 2_500, 4_500]) {
    it(`notices it within pingMs and pingTimeoutMs, also when it last said something ${afterMs} ms after it was looked at`, async () => {
      let stream: ServerHttp2Stream | undefined;
      const port = await serve((opened) => {
        stream = opened;
        opened.respond({ ':status': 200 });
        opened.write('open');
      });
      const { relay, port: relayed } = await Relay.start(rig, port);
      const answer = await get(rig.to(relayed, { http2: true }));
      let heard = '';
      const ended = failure(
        (async () => {
          for await (const chunk of answer.chunks()) heard += chunk.toString();
        })(),
      );
      await rig.elapse(60_000 + afterMs);
      stream?.write('more');
      await until(() => heard === 'openmore');
      relay.freeze();
      const silentSince = rig.clock.now();
      await rig.passing(500, ended);
      expect(rig.clock.now() - silentSince).to.be.at.most(15_500);
      expect((await ended).message).to.match(/was silent for \d{5} ms and did not answer a ping/);
    });
  }

  it('keeps a connection that only answers pings', async () => {
    const client = rig.to(await serve(plain), { http2: true });
    await watch(client);
    let pings = 0;
    sessions[0]?.on('ping', () => pings++);
    await rig.elapse(100_000);
    expect(pings).to.be.greaterThan(5);
    expect(client.connections).to.equal(1);
  });

  it('sends a request again that met a connection that died while nobody used it', async () => {
    const { relay, port } = await Relay.start(rig, await serve(plain));
    const client = rig.to(port, { http2: true });
    await (await get(client)).text();
    await rig.elapse(20_000);
    // As when a firewall has forgotten the connection: what is sent on it goes nowhere.
    for (const pair of relay.pairs) pair[0].pause();
    const answer = await rig.passing(500, get(client, '/again'));
    expect(await answer.text()).to.equal('/again');
    expect(relay.accepted).to.equal(2);
  });

  it('sends no new request on a connection that left one without an answer', async () => {
    const client = rig.to(
      await serve((stream, path) => {
        if (path !== '/stuck') plain(stream, path);
      }),
      { http2: true, answerMs: 400 },
    );
    const open = await watch(client);
    const stuck = failure(get(client, '/stuck'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await rig.clock.advance(400);
    expect((await stuck).message).to.include('no answer');
    expect(await (await get(client, '/more')).text()).to.equal('/more');
    expect(sessions).to.have.length(2);
    // The server is there, as its answer to a ping shows: what was open stays.
    await rig.elapse(20_000);
    expect(client.connections).to.equal(2);
    sessions[0]?.destroy();
    await open.ended;
  });

  it('leaves a connection whose server says goodbye, while open requests go on', async () => {
    const streams: ServerHttp2Stream[] = [];
    const client = rig.to(
      await serve((stream, path) => {
        streams.push(stream);
        plain(stream, path);
      }),
      { http2: true },
    );
    const answer = await get(client, '/watch');
    sessions[0]?.goaway(constants.NGHTTP2_NO_ERROR);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await (await get(client, '/more')).text()).to.equal('/more');
    expect([client.connections, sessions.length]).to.deep.equal([2, 2]);
    streams[0]?.end(' to the end');
    expect(await answer.text()).to.equal('open to the end');
    await until(() => client.connections === 1);
  });

  it('sends once more what the server did not process before it said goodbye', async () => {
    let goodbyes = 1;
    const client = rig.to(
      await serve((stream, path) => {
        if (path === '/watch') plain(stream, path);
        else if (goodbyes-- > 0) stream.session?.goaway(constants.NGHTTP2_NO_ERROR, 1);
        else plain(stream, path);
      }),
      { http2: true },
    );
    const open = await watch(client);
    const put = { path: '/put', method: 'PUT', body: 'x', signal: never };
    expect(await (await client.request(put)).text()).to.equal('/put');
    expect(client.connections).to.equal(2);
    await client.close();
    await open.ended;
  });

  it('fails what was open when the server says goodbye with an error', async () => {
    const client = rig.to(await serve(plain), { http2: true });
    const { ended } = await watch(client);
    sessions[0]?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect(await ended).to.have.property('code', 'registry-failed');
    expect((await ended).message).to.match(/ended in the middle of the answer to GET \/watch/);
    expect(await (await get(client, '/more')).text()).to.equal('/more');
  });

  it('sends once more what the server refused to process, whatever it is', async () => {
    let refuse = 1;
    const client = rig.to(
      await serve((stream, path) => {
        if (refuse-- > 0) stream.close(constants.NGHTTP2_REFUSED_STREAM);
        else plain(stream, path);
      }),
      { http2: true },
    );
    const put = { path: '/put', method: 'PUT', body: 'x', signal: never };
    expect(await (await client.request(put)).text()).to.equal('/put');
    refuse = 2;
    expect((await failure(client.request(put))).message).to.match(/no answer from https:\S+ to PUT \/put/);
  });

  for (const [error, name] of [
    [new Error('of the server'), 'INTERNAL_ERROR'],
    [undefined, 'NO_ERROR'],
  ] as const) {
    it(`takes a reset with ${name} for a failure, before the head and after it`, async () => {
      const client = rig.to(
        await serve((stream, path) => {
          if (path === '/') return void stream.destroy(error);
          stream.respond({ ':status': 200 });
          stream.write('[1');
          setTimeout(() => stream.destroy(error), 5);
        }),
        { http2: true },
      );
      for (const path of ['/', '/body']) {
        const failed = await failure(get(client, path).then((answer) => answer.text()));
        expect(failed).to.have.property('code', 'registry-failed');
      }
      expect(client.connections).to.equal(1);
    });
  }

  it('fails everything on a connection that is reset, with the reason', async () => {
    const { relay, port } = await Relay.start(rig, await serve(plain));
    const client = rig.to(port, { http2: true });
    const watches = await Promise.all([watch(client), watch(client)]);
    relay.reset();
    for (const { ended } of watches) {
      expect((await ended).message).to.match(
        /^the connection to https:\S+ ended in the middle of the answer/,
      );
    }
    await until(() => client.connections === 0);
    expect(await (await get(client, '/again')).text()).to.equal('/again');
  });

  it('closes a connection that has been of no use for a while', async () => {
    const client = rig.to(await serve(plain), { http2: true });
    await (await get(client)).text();
    expect(client.connections).to.equal(1);
    await until(() => rig.clock.pending === 1);
    await rig.clock.advance(30_000);
    await until(() => client.connections === 0);
  });

  it('asks again what the server speaks when no connection is left', async () => {
    let target: number;
    const http1 = (await rig.serve('https', (_request, response) => void response.end('1.1'))) as number;
    const http2 = await serve(plain);
    target = http1;
    const { connect } = await import('node:net');
    const port = await rig.tcp((socket) => {
      const server = connect(target, '127.0.0.1');
      socket.pipe(server).pipe(socket);
      server.on('error', () => socket.destroy());
      socket.on('close', () => server.destroy());
    });
    const client = rig.to(port, { http2: true });
    const first = await get(client);
    expect([first.multiplexed, await first.text()]).to.deep.equal([false, '1.1']);
    target = http2;
    await until(() => rig.clock.pending === 1);
    await rig.clock.advance(4_000);
    await until(() => client.connections === 0);
    expect((await get(client)).multiplexed).to.equal(true);
  });

  it('gives up a server that accepts, and then says nothing in HTTP/2', async () => {
    const { createServer } = await import('node:tls');
    const server = createServer({
      cert: fixture('registry.pem'),
      key: fixture('registry-key.pem'),
      ALPNProtocols: ['h2'],
    });
    const client = rig.to(await rig.listen(server), { http2: true, connectMs: 300 });
    const error = await rig.passing(50, failure(get(client)));
    expect(error.message).to.match(
      /^https:\S+ accepted a connection and said nothing for 300 ms \(connectMs\)/,
    );
    await until(() => client.connections === 0);
  });

  it('gives up a server that agrees to HTTP/2, and then speaks something else', async () => {
    const { createServer } = await import('node:tls');
    const material = {
      cert: fixture('registry.pem'),
      key: fixture('registry-key.pem'),
      ALPNProtocols: ['h2'],
    };
    const server = createServer(material, (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const client = rig.to(await rig.listen(server), { http2: true });
    const error = await failure(get(client));
    expect(error).to.have.property('code', 'registry-failed');
    expect(error.message).to.match(/^cannot connect to https:/);
  });

  it('keeps slow readers from holding up the others', async () => {
    const size = 8 * 1024 * 1024;
    const client = rig.to(
      await serve((stream, path) => {
        stream.respond({ ':status': 200 });
        stream.end(path === '/big' ? Buffer.alloc(size) : path);
      }),
      { http2: true },
    );
    const unread = await Promise.all(Array.from({ length: 20 }, () => get(client, '/big')));
    expect(await (await get(client, '/small')).text()).to.equal('/small');
    for (const answer of unread) expect(await answer.text()).to.have.length(size);
    expect(client.connections).to.equal(1);
  });
});
