import type { Stage } from './stage.js';

export interface Phase {
  readonly name: string;
  /** Its part of the whole run; they add up to 1. */
  readonly share: number;
  /** What happens, beginning with the phase and over before it is. */
  readonly happens: (stage: Stage, phaseMs: number) => Promise<void>;
}

/** The script: one trouble at a time, and the one before ends when the next begins. */
export const PHASES: readonly Phase[] = [
  { name: 'steady', share: 0.15, happens: async () => {} },
  { name: 'kill', share: 0.17, happens: (stage) => stage.kill('orders-2') },
  {
    name: 'slow',
    share: 0.17,
    async happens(stage) {
      stage.behave('orders-3', 'slow');
      await stage.restart('orders-2');
    },
  },
  {
    name: 'failing',
    share: 0.17,
    async happens(stage) {
      stage.behave('orders-3', 'normal');
      stage.behave('orders-4', 'failing');
    },
  },
  {
    name: 'add+drain',
    share: 0.17,
    async happens(stage, phaseMs) {
      stage.behave('orders-4', 'normal');
      await stage.add('orders-5');
      await stage.drain('orders-1', phaseMs / 3);
    },
  },
  { name: 'recovered', share: 0.17, happens: async () => {} },
];
