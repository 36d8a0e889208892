import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * What stands between an API server and its clients: passes bytes on, until it is told not to. Counts connections.
 */
export class Front {
  /** Connections accepted so far. */
  accepted = 0;
  /** What happens to new connections. */
  manner: 'pass' | 'reset' | 'silent' = 'pass';
  readonly #server = createServer((socket) => this.#accept(socket));
  readonly #sockets = new Set<Socket>();
  readonly #backendPort: number;

  constructor(backendPort: number) {
    this.#backendPort = backendPort;
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections of clients that are open now. */
  get open(): number {
    return this.#sockets.size;
  }

  /** Ends every connection abruptly. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Connections stay, and nothing comes through them any more; nor through new ones, until `manner` is another. */
  freeze(): void {
    this.manner = 'silent';
    for (const socket of this.#sockets) socket.emit('freeze');
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: Socket): void {
    this.accepted++;
    socket.on('error', () => {});
    if (this.manner === 'reset') {
      socket.resetAndDestroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    if (this.manner === 'silent') {
      // Or its end would not be heard.
      socket.resume();
      return;
    }
    const backend = connect(this.#backendPort, '127.0.0.1');
    socket.setNoDelay(true);
    backend.setNoDelay(true);
    backend.on('error', () => socket.resetAndDestroy());
    backend.on('close', () => socket.end());
    socket.on('close', () => backend.destroy());
    socket.pipe(backend).pipe(socket);
    socket.on('freeze', () => {
      socket.unpipe(backend).resume();
      backend.unpipe(socket).resume();
      backend.removeAllListeners('close');
    });
  }
}
