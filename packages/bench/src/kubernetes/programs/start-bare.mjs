import { tellCost } from './cost.mjs';

tellCost();
