import { readFile } from 'node:fs/promises';
import type { ClientRequest } from 'node:http';
import { request } from 'node:https';
import type { ApiObject, Kubernetes } from '@crowfly/servers';

export interface Watch {
  readonly events: readonly { readonly type: string; readonly object: ApiObject }[];
  /** Set when the answer's head came. */
  readonly status: number | undefined;
  readonly ended: boolean;
  close(): void;
}

/** A watch as an adapter would open it, over a verified connection of its own. */
export async function openWatch(
  cluster: Kubernetes,
  path: string,
  resourceVersion: string,
  { token = cluster.adminToken, origin = cluster.origin }: { token?: string; origin?: string } = {},
): Promise<Watch> {
  const events: Watch['events'][number][] = [];
  const watch = {
    events,
    status: undefined as number | undefined,
    ended: false,
    close: () => sent.destroy(),
  };
  const separator = path.includes('?') ? '&' : '?';
  const sent: ClientRequest = request(
    `${origin}${path}${separator}watch=true&resourceVersion=${resourceVersion}`,
    { ca: await readFile(cluster.caFile), headers: { authorization: `Bearer ${token}` }, agent: false },
    (response) => {
      watch.status = response.statusCode;
      let rest = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) events.push(JSON.parse(line));
      });
      response.once('close', () => {
        watch.ended = true;
      });
      response.on('error', () => {});
    },
  );
  sent.on('error', () => {
    watch.ended = true;
  });
  sent.end();
  return watch;
}
