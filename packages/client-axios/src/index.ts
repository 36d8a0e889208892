import './augment.js';

export { axiosAdapter } from './adapter.js';
export type { AxiosAdapterOptions, AxiosModule } from './options.js';
