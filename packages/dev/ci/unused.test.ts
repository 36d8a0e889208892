import { join } from 'node:path';
import { expect } from 'chai';
import { runTool } from '../lib/tools.mjs';
import { dev, root } from '../lib/workspace.mjs';

describe('the workspace', () => {
  it('has no file or export that nothing uses, and no import that resolves to nothing', async () => {
    const config = join(dev, 'config', 'knip.json');
    const kinds = 'files,exports,unlisted,unresolved';
    const { code, stdout } = await runTool('knip', ['-c', config, '--include', kinds, '--no-config-hints'], {
      cwd: root,
    });
    if (code !== 0) expect.fail(`\n${stdout}`);
  }).timeout(120_000);
});
