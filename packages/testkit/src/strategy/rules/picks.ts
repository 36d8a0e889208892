import { underChurn } from '../churn.js';
import { Breach, type StrategyRule } from '../rule.js';

export const PICK_RULES: readonly StrategyRule[] = [
  {
    title: 'picks only eligible members',
    check: (subject) =>
      underChurn(subject, ({ answer, pool }) => {
        if (answer === undefined || pool.isEligible(answer)) return;
        const kind = pool.members.some((member) => member === answer)
          ? 'an ejected member'
          : 'a member that left';
        throw new Breach(`it picked ${kind}: read pool.eligible at every pick, or rebuild on every update`);
      }),
  },
  {
    title: 'always picks while a member is eligible',
    check: (subject) =>
      underChurn(subject, ({ answer, pool }) => {
        if (answer !== undefined || pool.eligible.length === 0) return;
        throw new Breach(`it picked none of ${pool.eligible.length} eligible members`);
      }),
  },
  {
    title: 'picks nothing from an empty pool',
    check: (subject) =>
      underChurn(subject, ({ answer, pool }) => {
        if (answer === undefined || pool.eligible.length > 0) return;
        throw new Breach('it picked a member while none is eligible: answer undefined');
      }),
  },
  {
    title: 'tries another member at each try of a call',
    check: (subject) =>
      underChurn(subject, ({ answer, pool, call }) => {
        if (answer === undefined || !call.tried(answer)) return;
        if (pool.eligible.every((member) => call.tried(member))) return;
        throw new Breach(
          `try ${call.attempt} went to a member that was tried, while an untried one is left: ask call.tried(member)`,
        );
      }),
  },
  {
    title: 'leaves the pool as it is',
    check: (subject) =>
      underChurn(subject, ({ pool, order }) => {
        if (order.length === pool.eligible.length && order.every((member, i) => member === pool.eligible[i]))
          return;
        throw new Breach('a pick changed pool.eligible, which belongs to the engine: copy it before sorting');
      }),
  },
];
