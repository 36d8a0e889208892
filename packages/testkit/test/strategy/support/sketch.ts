import type { Balancer, Call, Member, Pool, Strategy, StrategyContext } from '@crowfly/core';

/** A strategy in as many lines as a mistake needs: what to pick from a pool, with randomness and a memory of its own. */
export function sketch<S>(
  start: (context: StrategyContext) => S,
  pick: (pool: Pool, call: Call, state: S, context: StrategyContext) => Member | undefined,
  update?: (pool: Pool, state: S, change: 'members' | 'weights' | 'eligibility') => void,
): Strategy {
  return (context) => {
    const state = start(context);
    let known: Pool | undefined;
    const balancer: Balancer = {
      update(pool, change) {
        known = pool;
        update?.(pool, state, change);
      },
      pick: (call) => (known === undefined ? undefined : pick(known, call, state, context)),
    };
    return balancer;
  };
}

/** A sound choice to build mistakes on: uniform, and never a tried one while another is left. */
export function anyUntried(
  list: readonly Member[],
  call: Call,
  context: StrategyContext,
): Member | undefined {
  const start = Math.floor(context.random() * list.length);
  for (let i = 0; i < list.length; i++) {
    const member = list[(start + i) % list.length];
    if (member !== undefined && !call.tried(member)) return member;
  }
  return list[start];
}
