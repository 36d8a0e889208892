import type { Endpoint, Problem } from '@crowfly/core';
import { VirtualClock } from '@crowfly/core/testing';
import { expect } from 'chai';
import { Speaker } from '../../dist/service/speaker.js';

const set = (...ids: readonly string[]): Endpoint[] => ids.map((id) => ({ id, host: '10.0.0.1', port: 1 }));

describe('the speaker', () => {
  let clock: VirtualClock;
  let said: string[];
  let speaker: Speaker;
  beforeEach(() => {
    clock = new VirtualClock();
    said = [];
    speaker = new Speaker(
      {
        signal: new AbortController().signal,
        publish: (endpoints) => said.push(endpoints.map(({ id }) => id).join()),
        unknown: (reason) => said.push(`unknown: ${reason}`),
        report: ({ code, detail }) => said.push(`${code}: ${detail}`),
      },
      clock,
    );
  });

  it('says nothing twice, and everything anew after something else', () => {
    for (let n = 0; n < 2; n++) speaker.publish(set('a', 'b'));
    for (let n = 0; n < 2; n++) speaker.unknown('x');
    speaker.unknown('y');
    speaker.publish(set('a', 'b'));
    for (let n = 0; n < 2; n++) speaker.publish([]);
    expect(said).to.deep.equal(['a,b', 'unknown: x', 'unknown: y', 'a,b', '']);
  });

  it('reports problems once, until they are others', () => {
    const problem = (detail: string): Problem => ({ code: 'bad', detail });
    for (let n = 0; n < 2; n++) speaker.report([problem('1'), problem('2')]);
    speaker.report([problem('1')]);
    speaker.report([]);
    speaker.report([problem('1')]);
    expect(said).to.deep.equal(['bad: 1', 'bad: 2', 'bad: 1', 'bad: 1']);
  });

  it('tells what would take something away', () => {
    expect(speaker.wouldTakeAway([])).to.equal(false);
    speaker.publish(set('b', 'd'));
    for (const [ids, expected] of [
      ['b,d', false],
      ['a,b,c,d,e', false],
      ['b', true],
      ['d', true],
      ['', true],
      ['a,c', true],
    ] as const)
      expect(speaker.wouldTakeAway(set(...ids.split(',').filter((id) => id !== ''))), ids).to.equal(expected);
    speaker.unknown('x');
    expect(speaker.wouldTakeAway([])).to.equal(false);
  });

  it('is not put off again and again', async () => {
    let settled = 0;
    speaker.later(() => settled++);
    expect(settled, 'at once, while nothing was said').to.equal(1);
    speaker.publish(set('a'));
    for (let n = 0; n < 3; n++) {
      speaker.later(() => settled++);
      await clock.advance(8);
    }
    expect(settled).to.equal(2);
    speaker.later(() => settled++);
    speaker.publish(set('a'));
    await clock.advance(100);
    expect(settled, 'what was said meanwhile counts').to.equal(2);
    speaker.later(() => settled++);
    speaker.stop();
    expect(clock.pending).to.equal(0);
  });
});
