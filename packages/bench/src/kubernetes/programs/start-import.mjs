import '@crowfly/registry-kubernetes';
import 'crowfly';
import { tellCost } from './cost.mjs';

tellCost();
