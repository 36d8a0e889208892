import { CrowflyError, check, checkOptions, kindOf } from '@crowfly/core';
import type { InstanceTls } from '@crowfly/http';
import type { AxiosStatic } from 'axios';

/** What the adapter needs of axios. */
export type Axios = Pick<AxiosStatic, 'Axios' | 'AxiosError' | 'CanceledError' | 'getAdapter'>;

/** axios as a module, told by what it has: `import` and `require` give it types that TypeScript takes for strangers. */
export interface AxiosModule {
  readonly Axios: new (...args: never[]) => object;
  readonly AxiosError: new (...args: never[]) => Error;
  readonly CanceledError: new (...args: never[]) => Error;
  readonly getAdapter: (...args: never[]) => unknown;
}

export interface AxiosAdapterOptions {
  /**
   * The axios whose HTTP adapter sends and whose errors are thrown. Default: what `import axios from 'axios'` gives. In a
   * CommonJS program pass `require('axios')`, which is a second copy: `error instanceof AxiosError` then holds.
   */
  readonly axios?: AxiosModule;
  /** TLS to instances: whom to trust, and who we are. Default: as Node.js, without a client certificate. */
  readonly tls?: InstanceTls;
}

const anything = (): void => {};

/** @throws CrowflyError `bad-option` */
export function checkAdapterOptions(options: unknown): void {
  checkOptions('axiosAdapter(engine, options)', options, {
    axios: (value, path) => {
      if (typeof (value as AxiosModule | null)?.getAdapter === 'function') return;
      throw new CrowflyError('bad-option', `${path}: expected the axios module, got ${kindOf(value)}`, {
        path,
      });
    },
    tls: check.object({
      ca: anything,
      cert: anything,
      key: anything,
      passphrase: check.string,
      pfx: anything,
      ciphers: check.string,
      minVersion: check.string,
      maxVersion: check.string,
    }),
  });
}
