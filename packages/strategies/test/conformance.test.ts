import {
  defaultStrategy,
  leastRequest,
  peakEwma,
  random,
  roundRobin,
  weightedRoundRobin,
} from '@crowfly/strategies';
import { strategyConformance } from '@crowfly/testkit';

strategyConformance({ name: 'roundRobin()', strategy: roundRobin(), shares: 'even', constantCost: true });
strategyConformance({ name: 'random()', strategy: random(), shares: 'weighted', constantCost: true });
strategyConformance({
  name: 'leastRequest()',
  strategy: leastRequest(),
  shares: 'weighted',
  constantCost: true,
});
strategyConformance({
  name: 'leastRequest({ choices: 5 })',
  strategy: leastRequest({ choices: 5 }),
  shares: 'weighted',
  constantCost: true,
});
strategyConformance({ name: 'peakEwma()', strategy: peakEwma(), shares: 'weighted', constantCost: true });
strategyConformance({
  name: 'weightedRoundRobin()',
  strategy: weightedRoundRobin(),
  shares: 'weighted',
  constantCost: true,
});
strategyConformance({
  name: 'weightedRoundRobin({ smoothUpTo: 0 })',
  strategy: weightedRoundRobin({ smoothUpTo: 0 }),
  shares: 'weighted',
  constantCost: true,
});
strategyConformance({
  name: 'defaultStrategy()',
  strategy: defaultStrategy(),
  shares: 'weighted',
  constantCost: true,
});
