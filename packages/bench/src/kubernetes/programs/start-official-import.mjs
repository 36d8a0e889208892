import '@kubernetes/client-node';
import { tellCost } from './cost.mjs';

tellCost();
