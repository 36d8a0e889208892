import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { isCrowflyError } from '@crowfly/core';
import { type GracefulShutdown, type GracefulShutdownOptions, gracefulShutdown } from '@crowfly/http';
import { expect } from 'chai';
import { Leaving, listening } from './support/leaving.ts';
import { until } from './support/servers.ts';

describe('gracefulShutdown', () => {
  let leaving: Leaving;
  beforeEach(() => {
    leaving = new Leaving();
  });
  afterEach(() => leaving.close());

  const ended = async (shutdown: Promise<unknown>): Promise<boolean> => {
    let settled = false;
    void shutdown.then(() => {
      settled = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    return settled;
  };
  /** Passes time until the shutdown is over. */
  const over = async (shutdown: ReturnType<GracefulShutdown['shutdown']>) => {
    while (!(await ended(shutdown))) await leaving.pass(50);
    return shutdown;
  };
  const stopsListening = async (server: ReturnType<Leaving['server']>): Promise<void> => {
    await leaving.pass(1);
    await until(() => !server.listening);
  };
  const refuses = async (port: number): Promise<void> => {
    const socket = connect(port, '127.0.0.1');
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).to.equal('ECONNREFUSED');
  };
  const portOf = (server: ReturnType<Leaving['server']>): number =>
    (server.address() as { port: number }).port;

  describe('while it drains', () => {
    it('accepts and answers everything, and every answer says that the connection closes', async () => {
      const server = await listening(leaving.server((_, response) => response.end('ok')));
      const kept = await leaving.wire(server);
      kept.get();
      expect(await kept.reads('ok')).to.match(/connection: keep-alive/i);

      const lifecycle = leaving.leave(server);
      expect(lifecycle.state).to.equal('serving');
      const shutdown = lifecycle.shutdown();
      expect(lifecycle.state).to.equal('draining');
      await leaving.pass(4_900);

      kept.get();
      expect(await kept.reads('ok')).to.match(/connection: close/i);
      await kept.ends();
      const fresh = await leaving.wire(server);
      fresh.get();
      expect(await fresh.reads('ok')).to.match(/connection: close/i);
      await over(shutdown);
      expect(lifecycle.state).to.equal('closed');
      expect(server.listening).to.equal(false);
    });

    it('cuts no idle connection: a request may be on its way', async () => {
      const server = await listening(leaving.server((_, response) => response.end('ok')));
      const shutdown = leaving.leave(server).shutdown();
      const wire = await leaving.wire(server);
      await leaving.pass(4_950);
      expect(wire.closed).to.equal(false);
      wire.get();
      await wire.reads('ok');
      await over(shutdown);
    });

    it('tells also who was being answered already, unless the head of the answer was out', async () => {
      const responses: ServerResponse[] = [];
      const server = await listening(
        leaving.server((request, response) => {
          responses.push(response);
          if (request.url === '/early') response.flushHeaders();
        }),
      );
      const lifecycle = leaving.leave(server);
      const [early, late] = [await leaving.wire(server), await leaving.wire(server)];
      early.get('/early');
      await early.reads('\r\n\r\n');
      late.get('/late');
      await until(() => responses.length === 2);

      const shutdown = lifecycle.shutdown();
      for (const response of responses) response.end('done');
      expect(await late.reads('done')).to.match(/connection: close/i);
      await late.ends();
      await early.reads('done');
      // It could not be told, so it is not cut: the next answer tells it.
      early.get('/next');
      await until(() => responses.length === 3);
      responses[2]?.end('next');
      expect(await early.reads('next')).to.match(/connection: close/i);
      await early.ends();
      await over(shutdown);
    });

    it('answers requests that were sent one after the other without waiting', async () => {
      const server = await listening(
        leaving.server((request, response) => setImmediate(() => response.end(`answer to ${request.url}.`))),
      );
      const wire = await leaving.wire(server);
      wire.get('/1');
      wire.get('/2');
      wire.get('/3');
      await wire.reads('answer to /1.');
      const shutdown = leaving.leave(server).shutdown();
      await wire.reads('answer to /2.');
      await over(shutdown);
    });

    it('is skipped when nobody listens and nobody is connected', async () => {
      const shutdown = leaving.leave(leaving.server()).shutdown();
      await over(shutdown);
      expect(leaving.clock.now()).to.be.below(1_000_000 + 1_000);
    });

    it('lasts as long as delayMs says', async () => {
      const server = await listening(leaving.server());
      const lifecycle = leaving.leave(server, { delayMs: 300 });
      const shutdown = lifecycle.shutdown();
      await leaving.pass(250);
      expect(lifecycle.state).to.equal('draining');
      await leaving.pass(100);
      expect(lifecycle.state).not.to.equal('draining');
      await over(shutdown);
    });
  });

  describe('while it closes', () => {
    it('accepts nobody, and waits for what is in flight', async () => {
      let answer: ServerResponse | undefined;
      const server = await listening(
        leaving.server((_, response) => {
          answer = response;
        }),
      );
      const port = portOf(server);
      const lifecycle = leaving.leave(server, { delayMs: 0 });
      const wire = await leaving.wire(server);
      wire.get();
      await until(() => answer !== undefined);
      const shutdown = lifecycle.shutdown();
      await stopsListening(server);
      await refuses(port);
      await leaving.pass(9_000);
      expect(await ended(shutdown)).to.equal(false);
      answer?.end('at last');
      await wire.reads('at last');
      expect(await over(shutdown)).to.deep.equal({ cut: 0 });
      expect(leaving.log).to.deep.equal([]);
    });

    it('answers a request that comes on an idle connection within a second', async () => {
      const server = await listening(leaving.server((_, response) => response.end('ok')));
      const wire = await leaving.wire(server);
      wire.get();
      await wire.reads('ok');
      const shutdown = leaving.leave(server, { delayMs: 0 }).shutdown();
      await stopsListening(server);
      await leaving.pass(900);
      expect(wire.closed).to.equal(false);
      wire.get();
      expect(await wire.reads('ok')).to.match(/connection: close/i);
      await over(shutdown);
    });

    it('waits no longer than a second for who says nothing', async () => {
      const server = await listening(leaving.server((_, response) => response.end('ok')));
      const [silent, used, unknown] = [
        await leaving.wire(server),
        await leaving.wire(server),
        await leaving.wire(server),
      ];
      unknown.get();
      await unknown.reads('ok');
      const lifecycle = leaving.leave(server, { delayMs: 0 });
      const late = await leaving.wire(server);
      used.get();
      await used.reads('ok');
      const from = leaving.clock.now();
      const shutdown = lifecycle.shutdown();
      await stopsListening(server);
      silent.socket.end(); // one from before we were told of the server, which never sent anything, ends itself
      expect(await over(shutdown)).to.deep.equal({ cut: 0 });
      expect(leaving.clock.now() - from).to.be.below(1_500);
      await Promise.all([used.ends(), unknown.ends(), late.ends()]);
    });

    it('waits for a request whose head or body is still coming', async () => {
      const server = await listening(
        leaving.server((request, response) => {
          request.resume().on('end', () => response.end(`got ${request.url}`));
        }),
      );
      const lifecycle = leaving.leave(server, { delayMs: 0 });
      const [head, body] = [await leaving.wire(server), await leaving.wire(server)];
      head.socket.write('GET /head HTT');
      body.socket.write('POST /body HTTP/1.1\r\nHost: orders\r\nContent-Length: 4\r\n\r\nab');
      await once(server, 'request');
      const shutdown = lifecycle.shutdown();
      await stopsListening(server);
      await leaving.pass(5_000);
      head.socket.write('P/1.1\r\nHost: orders\r\n\r\n');
      body.socket.write('cd');
      await Promise.all([head.reads('got /head'), body.reads('got /body')]);
      expect(await over(shutdown)).to.deep.equal({ cut: 0 });
    });

    it('does not lose an early answer to an upload that is still being sent', async () => {
      const server = await listening(
        leaving.server((_, response) => response.writeHead(413).end('too large')),
      );
      const shutdown = leaving.leave(server).shutdown();
      const wire = await leaving.wire(server);
      const size = 8 * 1024 * 1024;
      wire.socket.write(`POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: ${size}\r\n\r\n`);
      await wire.reads('too large');
      await new Promise((resolve) => wire.socket.write(Buffer.alloc(size), resolve));
      wire.get();
      expect(await wire.reads('too large')).to.match(/connection: close/i);
      await over(shutdown);
    });

    it('cuts what has not ended by closeMs, and says how many', async () => {
      const upgraded: Socket[] = [];
      const server = await listening(leaving.server((_, response) => response.write('event 1')));
      server.on('upgrade', (_request: IncomingMessage, socket: Socket) => {
        upgraded.push(socket);
        socket.on('error', () => {});
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n');
      });
      const lifecycle = leaving.leave(server);
      const [stream, chat] = [await leaving.wire(server), await leaving.wire(server)];
      stream.get();
      await stream.reads('event 1');
      chat.socket.write('GET / HTTP/1.1\r\nHost: orders\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n');
      await chat.reads('\r\n\r\n');

      const from = leaving.clock.now();
      const shutdown = lifecycle.shutdown('a deploy');
      await leaving.pass(14_900);
      expect([stream.closed, chat.closed]).to.deep.equal([false, false]);
      expect(await over(shutdown)).to.deep.equal({ cut: 2 });
      expect(leaving.clock.now() - from).to.be.within(15_000, 15_200);
      await Promise.all([stream.ends(), chat.ends()]);
      expect(leaving.log).to.have.length(1);
      expect(leaving.log[0]).to.match(
        /^2 connections were still in use 15000 ms after a deploy, and were cut: raise closeMs/,
      );
    });

    it('is bounded even when a socket was upgraded before we were told of its server', async () => {
      const server = await listening(leaving.server());
      server.on('upgrade', (_request: IncomingMessage, socket: Socket) => {
        socket.on('error', () => {});
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n');
      });
      const chat = await leaving.wire(server);
      chat.socket.write('GET / HTTP/1.1\r\nHost: orders\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n');
      await chat.reads('\r\n\r\n');
      const from = leaving.clock.now();
      await over(leaving.leave(server).shutdown());
      expect(leaving.clock.now() - from).to.be.within(15_000, 16_000);
    });
  });

  describe('several servers', () => {
    it('leave together', async () => {
      const [api, metrics] = [
        await listening(leaving.server((_, response) => response.end('api'))),
        await listening(leaving.server((_, response) => response.end('metrics'))),
      ];
      const lifecycle = leaving.leave([api, metrics, api], { delayMs: 1_000 });
      const shutdown = lifecycle.shutdown();
      await leaving.pass(900);
      const wire = await leaving.wire(metrics);
      wire.get();
      await wire.reads('metrics');
      await over(shutdown);
      expect([api.listening, metrics.listening]).to.deep.equal([false, false]);
    });
  });

  describe('hooks', () => {
    it('are called in order, with the reason, and each is waited for', async () => {
      const server = await listening(leaving.server());
      const seen: string[] = [];
      const hook = (name: string) => async (reason: string) => {
        seen.push(`${name} ${reason} ${lifecycle.state} ${server.listening}`);
        await Promise.resolve();
        seen.push(`${name} ended`);
      };
      const lifecycle = leaving.leave(server, {
        onDraining: hook('onDraining'),
        beforeClose: hook('beforeClose'),
        onClosed: hook('onClosed'),
      });
      await over(lifecycle.shutdown('SIGTERM'));
      expect(seen).to.deep.equal([
        'onDraining SIGTERM draining true',
        'onDraining ended',
        'beforeClose SIGTERM draining true',
        'beforeClose ended',
        'onClosed SIGTERM closed false',
        'onClosed ended',
      ]);
    });

    it('that throw or reject are reported, and stop nothing', async () => {
      const server = await listening(leaving.server());
      const lifecycle = leaving.leave(server, {
        onDraining: () => {
          throw new Error('registry is away');
        },
        beforeClose: () => Promise.reject(new Error('still away')),
        onClosed: () => Promise.reject('a string'),
      });
      expect(await over(lifecycle.shutdown())).to.deep.equal({ cut: 0 });
      expect(leaving.log).to.deep.equal([
        'gracefulShutdown.onDraining failed, the shutdown goes on: registry is away',
        'gracefulShutdown.beforeClose failed, the shutdown goes on: still away',
        'gracefulShutdown.onClosed failed, the shutdown goes on: a string',
      ]);
    });

    it('that never end leave half of closeMs to the requests', async () => {
      let answer: ServerResponse | undefined;
      const server = await listening(
        leaving.server((_, response) => {
          answer = response;
        }),
      );
      const lifecycle = leaving.leave(server, {
        onDraining: () => new Promise(() => {}),
        onClosed: () => new Promise(() => {}),
      });
      const wire = await leaving.wire(server);
      wire.get();
      await until(() => answer !== undefined);
      const shutdown = lifecycle.shutdown();
      await leaving.pass(9_900);
      expect(lifecycle.state).to.equal('draining');
      await leaving.pass(200);
      expect(lifecycle.state).to.equal('closing');
      await leaving.pass(4_000);
      answer?.end('in time');
      await wire.reads('in time');
      expect(await over(shutdown)).to.deep.equal({ cut: 0 });
      expect(leaving.log).to.deep.equal([
        'gracefulShutdown.onDraining takes too long, the shutdown goes on without it',
        'gracefulShutdown.onClosed takes too long, the shutdown goes on without it',
      ]);
    });
  });

  describe('signals', () => {
    // In this process, so none that mocha or a terminal knows about.
    const signals = ['SIGUSR2'] as const;
    const send = (): boolean => process.emit('SIGUSR2', 'SIGUSR2');

    it('start it; a second one ends it at once; then nobody listens any more', async () => {
      const server = await listening(leaving.server((_, response) => response.write('for ever')));
      const lifecycle = leaving.leave(server, { signals, exit: false });
      const wire = await leaving.wire(server);
      wire.get();
      await wire.reads('for ever');
      send();
      expect(lifecycle.state).to.equal('draining');
      await leaving.pass(600);
      send();
      expect(await over(lifecycle.shutdown())).to.deep.equal({ cut: 1 });
      await wire.ends();
      expect(process.listenerCount('SIGUSR2')).to.equal(0);
    });

    it('of one kind that come together are one: npm passes on what its whole group was sent', async () => {
      const lifecycle = leaving.leave(await listening(leaving.server()), { signals, exit: false });
      send();
      send();
      await leaving.pass(300);
      expect(lifecycle.state).to.equal('draining');
      await over(lifecycle.shutdown());
    });

    it('are left alone by signals: false, and after dispose', async () => {
      const server = leaving.server((_, response) => response.end());
      const events = ['request', 'connection', 'session', 'secureConnection'];
      const listeners = (): number => events.reduce((sum, event) => sum + server.listenerCount(event), 0);
      const before = listeners();
      leaving.leave(server, { signals: false }).dispose();
      expect(process.listenerCount('SIGUSR2')).to.equal(0);
      for (let time = 0; time < 20; time++) {
        const lifecycle = leaving.leave(server, { signals });
        expect(process.listenerCount('SIGUSR2')).to.equal(1);
        lifecycle.dispose();
      }
      expect(process.listenerCount('SIGUSR2')).to.equal(0);
      expect(listeners()).to.equal(before);
    });
  });

  describe('lifetime', () => {
    it('is one shutdown, however often it is called', async () => {
      const server = await listening(leaving.server());
      const lifecycle = leaving.leave(server);
      const shutdown = lifecycle.shutdown();
      expect(lifecycle.shutdown()).to.equal(shutdown);
      await over(shutdown);
      expect(lifecycle.shutdown()).to.equal(shutdown);
    });

    it('works after dispose too, on request', async () => {
      const server = await listening(leaving.server((_, response) => response.end('ok')));
      const lifecycle = leaving.leave(server);
      lifecycle.dispose();
      const shutdown = lifecycle.shutdown();
      const wire = await leaving.wire(server);
      wire.get();
      expect(await wire.reads('ok')).to.match(/connection: close/i);
      await over(shutdown);
    });

    it('copes with a server that is closed while it drains, and emits close once', async () => {
      let closed = 0;
      const server = await listening(leaving.server((_, response) => response.end('ok')));
      server.on('close', () => closed++);
      const lifecycle = leaving.leave(server, { onDraining: () => void server.close() });
      expect(await over(lifecycle.shutdown())).to.deep.equal({ cut: 0 });
      expect(closed).to.equal(1);
    });

    it('leaves no timer, no listener, and the server as it was', async () => {
      const server = await listening(leaving.server((_, response) => response.end('ok')));
      const before = ['request', 'connection', 'session', 'secureConnection', 'close'].map((event) =>
        server.listenerCount(event),
      );
      const lifecycle = leaving.leave(server, { onClosed: () => {} });
      await over(lifecycle.shutdown());
      const after = ['request', 'connection', 'session', 'secureConnection', 'close'].map((event) =>
        server.listenerCount(event),
      );
      expect(after).to.deep.equal(before);
      expect(Object.hasOwn(server, 'closeIdleConnections')).to.equal(false);
      expect(leaving.clock.pending).to.equal(0);
    });
  });

  describe('options', () => {
    const errorOf = (options: object, server: unknown = leaving.server()): string => {
      try {
        gracefulShutdown(server as never, options as GracefulShutdownOptions).dispose();
      } catch (error) {
        expect(isCrowflyError(error, 'bad-option')).to.equal(true);
        return (error as Error).message;
      }
      return 'none';
    };

    for (const [options, message] of [
      [
        { delayMs: '5s' },
        'gracefulShutdown.delayMs: expected milliseconds, a number from 0 to 2147483647, got a string',
      ],
      [{ closeMs: -1 }, /^gracefulShutdown\.closeMs: expected milliseconds/],
      [{ delaysMs: 5 }, "gracefulShutdown.delaysMs: there is no such option; did you mean 'delayMs'?"],
      [
        { signals: 'SIGTERM' },
        "gracefulShutdown.signals: expected a list of signals such as ['SIGTERM'], or false, got a string",
      ],
      [{ signals: ['SIGKILL'] }, /^gracefulShutdown\.signals\[0\]: expected 'SIGHUP' or .* got a string$/],
      [{ exit: 1 }, 'gracefulShutdown.exit: expected true or false, got the number 1'],
      [{ onDraining: true }, 'gracefulShutdown.onDraining: expected a function, got a boolean'],
      [
        { logger: {} },
        'gracefulShutdown.logger: expected an object with info() and warn(), or false, got an object',
      ],
      [{ delayMs: undefined, signals: false }, 'none'],
    ] as const) {
      it(`${JSON.stringify(options)}: ${message}`, () => {
        if (typeof message === 'string') expect(errorOf(options)).to.equal(message);
        else expect(errorOf(options)).to.match(message);
      });
    }

    it('what is no server is refused, with where to find it', () => {
      const express = (): void => {};
      expect(errorOf({}, express)).to.match(
        /^gracefulShutdown\(server\): expected a server of node:http.* got a function$/,
      );
      expect(errorOf({}, [leaving.server(), {}])).to.match(/app\.server of Fastify.* got an object$/);
    });
  });
});
