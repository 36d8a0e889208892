import type { Endpoint, Problem } from '@crowfly/core';
import { VirtualClock } from '@crowfly/core/testing';
import { expect } from 'chai';
import { Publisher } from '../../dist/service/publisher.js';

const set = (...ids: readonly string[]): Endpoint[] => ids.map((id) => ({ id, host: '10.0.0.1', port: 1 }));

describe('the publisher', () => {
  let clock: VirtualClock;
  let said: string[];
  let publisher: Publisher;
  beforeEach(() => {
    clock = new VirtualClock();
    said = [];
    publisher = new Publisher(
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
    for (let n = 0; n < 2; n++) publisher.publish(set('a', 'b'));
    for (let n = 0; n < 2; n++) publisher.unknown('x');
    publisher.unknown('y');
    publisher.publish(set('a', 'b'));
    for (let n = 0; n < 2; n++) publisher.publish([]);
    expect(said).to.deep.equal(['a,b', 'unknown: x', 'unknown: y', 'a,b', '']);
  });

  it('reports problems once, until they are others', () => {
    const problem = (detail: string): Problem => ({ code: 'bad', detail });
    for (let n = 0; n < 2; n++) publisher.report([problem('1'), problem('2')]);
    publisher.report([problem('1')]);
    publisher.report([]);
    publisher.report([problem('1')]);
    expect(said).to.deep.equal(['bad: 1', 'bad: 2', 'bad: 1', 'bad: 1']);
  });

  it('tells what would take something away', () => {
    expect(publisher.wouldTakeAway([])).to.equal(false);
    publisher.publish(set('b', 'd'));
    for (const [ids, expected] of [
      ['b,d', false],
      ['a,b,c,d,e', false],
      ['b', true],
      ['d', true],
      ['', true],
      ['a,c', true],
    ] as const)
      expect(publisher.wouldTakeAway(set(...ids.split(',').filter((id) => id !== ''))), ids).to.equal(
        expected,
      );
    publisher.unknown('x');
    expect(publisher.wouldTakeAway([])).to.equal(false);
  });

  it('is not put off again and again', async () => {
    let settled = 0;
    publisher.later(() => settled++);
    expect(settled, 'at once, while nothing was said').to.equal(1);
    publisher.publish(set('a'));
    for (let n = 0; n < 3; n++) {
      publisher.later(() => settled++);
      await clock.advance(8);
    }
    expect(settled).to.equal(2);
    publisher.later(() => settled++);
    publisher.publish(set('a'));
    await clock.advance(100);
    expect(settled, 'what was said meanwhile counts').to.equal(2);
    publisher.later(() => settled++);
    publisher.stop();
    expect(clock.pending).to.equal(0);
  });
});
