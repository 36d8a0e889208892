import type { Endpoint } from '@crowfly/core';
import type { DispatchHandler, DispatchOptions, Pools } from '@crowfly/http';
import { route } from './servers.ts';

export interface Sent {
  status: number;
  body: string;
}

/** One request over the pools, read to its end. Rejects with the error as undici gives it. */
export function send(
  pools: Pools,
  endpoint: Endpoint,
  {
    service = 'orders',
    scheme = 'http' as 'http' | 'https',
    connectMs = 1_000,
    ...options
  }: Partial<DispatchOptions> & { service?: string; scheme?: 'http' | 'https'; connectMs?: number } = {},
): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const sent: Sent = { status: 0, body: '' };
    const handler: DispatchHandler = {
      onConnect() {},
      onHeaders(status) {
        sent.status = status;
        return true;
      },
      onData(chunk) {
        sent.body += chunk;
        return true;
      },
      onComplete: () => resolve(sent),
      onError: reject,
    };
    const request = {
      path: '/',
      method: 'GET',
      origin: 'http://orders',
      headers: { host: service },
      ...options,
    };
    pools.dispatch(
      { route: route(service, scheme), endpoint, connectMs },
      request as DispatchOptions,
      handler,
    );
  });
}
