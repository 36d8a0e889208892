import type { CallOptions } from '@crowfly/core' with { 'resolution-mode': 'import' };

import type axios = require('axios');

// As augment.ts, for `require('axios')`, whose types are a module of their own.
declare module 'axios' {
  // biome-ignore lint/suspicious/noExplicitAny: must repeat axios' own parameters, defaults included
  interface AxiosRequestConfig<D = any, P = any> {
    crowfly?: CallOptions;
  }
}

/** Keeps the import in the declarations, without which they would add nothing. */
export type CommonJsConfig = axios.AxiosRequestConfig;
