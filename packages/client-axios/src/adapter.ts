import { type Engine, isCrowflyError, type Route } from '@crowfly/core';
import { InstanceAgents, type InstanceTls } from '@crowfly/http';
import defaultAxios, { type AxiosAdapter, type InternalAxiosRequestConfig } from 'axios';
import { callService } from './call.js';
import { fromCrowfly } from './errors.js';
import { type Axios, type AxiosAdapterOptions, checkAdapterOptions } from './options.js';

/** Adapters of one engine with the same `tls` object share their connections. */
const DEFAULT_TLS: InstanceTls = Object.freeze({});
const keys = new WeakMap<InstanceTls, symbol>();

/**
 * An axios adapter that sends calls to services straight to their instances, and everything else as axios would.
 *
 * ```ts
 * const api = axios.create({ adapter: axiosAdapter(discovery) });
 * const { data } = await api.get('http://orders/v1/42');
 * ```
 *
 * Each try picks an instance anew; interceptors and transforms run once per call. Sending, redirects, decompression,
 * size limits, progress and body types are axios' own.
 *
 * @param engine a discovery, or an engine of `@crowfly/core`
 * @throws CrowflyError `bad-option`
 */
export function axiosAdapter(engine: Engine, options: AxiosAdapterOptions = {}): AxiosAdapter {
  checkAdapterOptions(options);
  const { tls = DEFAULT_TLS } = options;
  const axios = (options.axios ?? defaultAxios) as Axios;
  const key = keys.get(tls) ?? Symbol('crowfly.axios.agents');
  keys.set(tls, key);

  // Without the defaults of the process: the config that an adapter gets holds them already.
  const bare = new axios.Axios({});

  return async (config) => {
    const url = logicalUrl(bare, config);
    if (url !== undefined) {
      let route: Route | undefined;
      try {
        route = engine.route(url);
        if (route !== undefined) {
          const agents = engine.own(key, () => new InstanceAgents(engine, { tls }));
          return callService({ axios, engine, agents, http: axios.getAdapter('http'), route, url, config });
        }
      } catch (error) {
        throw isCrowflyError(error) ? fromCrowfly(axios, error, config) : error;
      }
    }
    return axios.getAdapter(['xhr', 'http', 'fetch'], config)(config);
  };
}

/** The URL as axios will build it, without `params`; `undefined` when it has no host: axios' to complain. */
function logicalUrl(bare: InstanceType<Axios['Axios']>, config: InternalAxiosRequestConfig): URL | undefined {
  // A Unix socket leads where it leads, whatever the URL says.
  if (config.socketPath) return undefined;
  const { url, baseURL, allowAbsoluteUrls } = config;
  const parts = { url, baseURL, allowAbsoluteUrls } as InternalAxiosRequestConfig;
  try {
    return new URL(bare.getUri(parts));
  } catch {
    return undefined;
  }
}
