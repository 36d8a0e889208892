import { stallSafeTimer } from '@crowfly/http';
import { expect } from 'chai';

describe('stallSafeTimer', () => {
  const block = (ms: number): void => {
    const end = performance.now() + ms;
    while (performance.now() < end);
  };
  /** As a socket that connects, or another timer of the same length, would: after the I/O of a turn. */
  const turns = async (count: number): Promise<void> => {
    for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
  };

  it('fires once, no earlier than the limit', async () => {
    const from = performance.now();
    let fired = 0;
    await new Promise<void>((resolve) => {
      stallSafeTimer(40, () => {
        fired++;
        resolve();
      });
      // The timer alone would not keep the process, or this test, running.
      setTimeout(() => {}, 1_000).unref();
      setTimeout(() => {}, 200);
    });
    expect(performance.now() - from).to.be.at.least(36);
    await turns(3);
    expect(fired).to.equal(1);
  });

  it('does not fire for time in which the event loop was blocked', async () => {
    let fired = false;
    const cancel = stallSafeTimer(80, () => {
      fired = true;
    });
    block(400);
    await turns(20);
    expect(fired).to.equal(false);
    cancel();
  });

  it('does not fire for a stall at any point of its run', async () => {
    for (const at of [1, 25, 45, 70]) {
      let fired = false;
      const cancel = stallSafeTimer(80, () => {
        fired = true;
      });
      await new Promise((resolve) => setTimeout(resolve, at));
      if (fired) continue; // this machine stood still before we did
      block(300);
      await turns(20);
      expect(fired, `stalled ${at} ms after the start`).to.equal(false);
      cancel();
    }
  });

  it('never fires after it was cancelled', async () => {
    let fired = false;
    stallSafeTimer(1, () => {
      fired = true;
    })();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(fired).to.equal(false);
  });
});
