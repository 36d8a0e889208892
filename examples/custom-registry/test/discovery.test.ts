import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createDiscovery } from 'crowfly';
import { after, before, describe, it } from 'mocha';
import { phoneBook } from '../src/registry.js';
import { PhoneBookServer } from '../src/server.js';

describe('a discovery over the phone book', () => {
  const book = new PhoneBookServer();
  const orders = createServer((_, response) => response.end('hello from orders'));
  let origin = '';

  before(async () => {
    origin = await book.listen();
    orders.listen(0, '127.0.0.1');
    await once(orders, 'listening');
  });
  after(async () => {
    orders.close();
    orders.closeAllConnections();
    await book.close();
  });

  it('calls a service by its name, at the address in the book', async () => {
    const discovery = createDiscovery({ registry: phoneBook(origin), logger: false });
    try {
      book.put('orders', [
        { id: 'orders-1', host: '127.0.0.1', port: (orders.address() as AddressInfo).port },
      ]);
      const response = await discovery.fetch('http://orders/');
      assert.equal(await response.text(), 'hello from orders');
    } finally {
      await discovery.close();
    }
  });
});
