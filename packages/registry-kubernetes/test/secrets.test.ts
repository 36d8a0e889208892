import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { pods, slice } from './support/objects.ts';
import { statusOf } from './support/replies.ts';
import { Rig } from './support/rig.ts';

const TOKEN = 'hunter2-hunter2-hunter2';

/** Gateways and debug handlers are known to say back what they were sent. */
describe('a server that says back the credentials', () => {
  let rig: Rig;
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crowfly-token-'));
    await writeFile(join(folder, 'token'), TOKEN);
    rig = await Rig.start({ tokenFile: join(folder, 'token') });
    rig.server.token = TOKEN;
  });
  afterEach(async () => {
    await rig.close();
    await rm(folder, { recursive: true });
  });

  const echo = `cannot forward 'Authorization: Bearer ${TOKEN}'`;

  async function fails(message: RegExp): Promise<void> {
    const orders = rig.watch('orders');
    const error = await orders.fails();
    expect(inspect(error, { depth: 20, showHidden: true }))
      .to.match(message)
      .and.to.not.include(TOKEN);
  }

  it('in a refusal is not quoted', async () => {
    rig.server.interfere({}, statusOf(502, 'BadGateway', echo));
    await fails(/cannot forward 'Authorization: Bearer …'|cannot forward 'Authorization: …'/);
  });

  it('in the refusal of a Service is not quoted', async () => {
    rig.server.interfere({ verb: 'get' }, statusOf(500, 'InternalError', echo));
    await fails(/cannot forward/);
  });

  for (const body of [TOKEN, `"${TOKEN}`, `<p>${TOKEN}</p>`, `{"items":[${TOKEN}]}`, `{"items":[],${TOKEN}}`])
    it(`in something that is no JSON is not quoted: ${body.replace(TOKEN, '...')}`, async () => {
      rig.server.interfere({}, { status: 200, body });
      await fails(/no JSON/);
    });

  it('in the middle of a watch is not quoted', async () => {
    rig.server.cluster.put('endpointslices', slice({ name: 's1', endpoints: pods('10.0.0.1') }));
    const orders = rig.watch('orders');
    await orders.says('10.0.0.1:8080');
    await rig.until(() => rig.server.open === 1, 'no watch');
    rig.server.event({ type: 'ERROR', object: statusOf(500, 'InternalError', echo).body });
    const error = await orders.fails();
    expect(inspect(error, { depth: 20 }))
      .to.match(/cannot forward/)
      .and.to.not.include(TOKEN);
  });
});
