// For their types: `crowfly` in axios' configs.
import './augment.js';
import './augment-commonjs.cjs';

export { axiosAdapter } from './adapter.js';
export type { AxiosAdapterOptions, AxiosModule } from './options.js';
