import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { VirtualClock } from '@crowfly/core/testing';
import { kubernetes } from '@crowfly/registry-kubernetes';
import { expect } from 'chai';

const SECRET = 'hunter2-hunter2-hunter2';

describe('a kubeconfig that cannot be read', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crowfly-kubeconfig-'));
  });
  after(() => rm(folder, { recursive: true }));

  for (const [what, text] of [
    ['a wrong indentation', `users:\n- name: a\n  user:\n    token: ${SECRET}\n   oops: 1\n`],
    ['an unfinished string', `users: [{ name: a, user: { token: "${SECRET} } }]\n`],
    ['JSON that is cut off', `{"users":[{"name":"a","user":{"token":"${SECRET}"`],
    ['a key that is there twice', `token: ${SECRET}\ntoken: ${SECRET}\n`],
    ['an unknown tag', `users: !${SECRET} a\n`],
    ['a missing anchor', `users: *${SECRET}\n`],
    ['a list of the wrong kind', `users: { token: ${SECRET} }\nclusters: 1\ncontexts: [${SECRET}]\n`],
  ] as const) {
    it(`for ${what} is named, and nothing of it is shown`, async () => {
      const path = join(folder, 'config');
      await writeFile(path, text);
      const registry = kubernetes({ kubeconfig: path })({
        clock: new VirtualClock(),
        random: () => 0,
        self: {},
      });
      const ref = registry.locate('orders');
      const error: unknown = await registry
        .watch(ref as NonNullable<typeof ref>, {
          signal: new AbortController().signal,
          publish() {},
          unknown() {},
          report() {},
        })
        .then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
      expect(error).to.include({ code: 'bad-option' });
      expect((error as Error).message).to.include(path);
      expect(inspect(error, { depth: 20, showHidden: true })).to.not.include(SECRET);
      await registry.close?.();
    });
  }
});
