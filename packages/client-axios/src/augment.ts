import type { CallOptions } from '@crowfly/core';

declare module 'axios' {
  // Must repeat axios' own parameters, defaults included.
  // biome-ignore lint/suspicious/noExplicitAny: axios declares them so
  interface AxiosRequestConfig<D = any, P = any> {
    /** How crowfly treats this call; as a default of an instance, all its calls. Of no effect for URLs that name no service. */
    crowfly?: CallOptions;
  }
}
