import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isCrowflyError } from '@crowfly/core';
import { type FileOptions, file } from '@crowfly/registry-static';
import { expect } from 'chai';
import { Folder } from '../support/folder.js';
import { context, Watched } from '../support/watched.js';

function refusal(path: unknown, options?: unknown): string {
  try {
    file(path as string, options as FileOptions);
  } catch (error) {
    if (isCrowflyError(error, 'bad-option')) return error.message;
    throw error;
  }
  return expect.fail('it was taken');
}

describe("the file registry's options", () => {
  let folder: Folder;

  beforeEach(() => {
    folder = new Folder();
  });

  afterEach(() => folder.remove());

  it('are checked when it is made', () => {
    expect(refusal('a.yaml', { polMs: 1 })).to.match(
      /^file\.polMs: there is no such option; did you mean 'pollMs'\?/,
    );
    expect(refusal('a.yaml', { pollMs: 'x' })).to.match(/^file\.pollMs: expected milliseconds/);
    expect(refusal('a.yaml', { names: ['Orders.shop'] })).to.match(
      /^file\.names\[0\]: .*write 'orders\.shop'/,
    );
    expect(refusal('a.toml')).to.match(/^file\.format: .*say \{ format: 'json' \}/);
    expect(refusal('')).to.match(/^file\(path\): expected a path or a file: URL/);
    expect(refusal(new URL('http://x/a.yaml'))).to.match(/expected a path or a file: URL/);
    expect(refusal(7)).to.match(/got the number 7/);
  });

  it('make its id the absolute path, whichever way the path is written', () => {
    const path = resolve('services.yaml');
    for (const given of ['services.yaml', './x/../services.yaml', path, pathToFileURL(path)]) {
      expect(file(given)(context).id).to.equal(`file:${path}`);
    }
  });

  it('let it claim names with a dot, and read a file of any extension', async () => {
    const path = folder.write('services.conf', 'services: { orders.shop: [ "a:1" ] }');
    const registry = file(path, { format: 'yaml', names: ['orders.shop'] })(context);
    expect(registry.locate({ scheme: 'http', host: 'orders.shop' })).to.deep.equal({ key: 'orders.shop' });
    expect(registry.locate({ scheme: 'http', host: 'users.shop' })).to.equal(undefined);
    const watched = new Watched(registry, 'orders.shop');
    await watched.says('a:1');
    await watched.end();
  });

  it('choose the label that names a service in target groups', async () => {
    const path = folder.write(
      'targets.json',
      '[{"targets": ["a:1"], "labels": {"job": "node", "app": "orders"}}]',
    );
    const watched = new Watched(file(path, { serviceLabels: ['app'] })(context), 'orders');
    await watched.says('a:1');
    expect(watched.sets[0]?.[0]?.metadata).to.deep.equal({ job: 'node' });
    await watched.end();
  });

  it('leave a service that a good file does not have unknown, with the names that it has', async () => {
    const path = folder.write('services.yaml', 'services: { orders: [], users: [ "a:1", "b:2" ] }');
    const registry = file(path)(context);
    const misspelt = new Watched(registry, 'user');
    await misspelt.says('unknown');
    expect(misspelt.unknowns).to.deep.equal([`${path} has no service 'user': did you mean 'users'?`]);
    const other = new Watched(registry, 'billing');
    await other.says('unknown');
    expect(other.unknowns).to.deep.equal([`${path} has no service 'billing': there are 'orders', 'users'`]);
    const empty = new Watched(registry, 'orders');
    await empty.says('');
    const port = new Watched(registry, 'users', 3);
    await port.says('unknown');
    expect(port.unknowns[0]).to.match(
      /no instance of 'users' on port 3, only on 1, 2: write http:\/\/users\/$/,
    );
    for (const watched of [misspelt, other, empty, port]) await watched.end();
  });
});
