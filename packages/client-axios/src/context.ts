import type { Engine, Route } from '@crowfly/core';
import type { InstanceAgents } from '@crowfly/http';
import type { AxiosAdapter, InternalAxiosRequestConfig } from 'axios';
import type { Axios } from './options.js';

/** What all tries of one call share. */
export interface CallContext {
  readonly axios: Axios;
  readonly engine: Engine;
  readonly agents: InstanceAgents;
  /** axios' own adapter for node:http. */
  readonly http: AxiosAdapter;
  readonly route: Route;
  readonly url: URL;
  /** As the caller's interceptors left it; tries work on copies. */
  readonly config: InternalAxiosRequestConfig;
}
