import { type Endpoint, type Feed, nameFault, type RegistryFactory, sleep } from '@crowfly/core';

/** Instances from a phone book: `GET /services/orders?after=7` answers when the version is another than 7. */
export const phoneBook =
  (origin: string): RegistryFactory =>
  ({ clock }) => ({
    kind: 'phone-book',
    id: `phone-book:${origin}`,
    supports: { unknown: true },
    locate(target) {
      const name = typeof target === 'string' ? target : target.host;
      return nameFault(name) === undefined && !name.includes('.') ? { key: name } : undefined;
    },
    async watch({ key }, feed) {
      for (let version = '', said = ''; !feed.signal.aborted; ) {
        const answer = await fetch(`${origin}/services/${key}?after=${version}`, { signal: feed.signal });
        if (!answer.ok && answer.status !== 404) throw new Error(`${origin} answered ${answer.status}`);
        const endpoints = answer.ok ? parse(await answer.json(), feed) : undefined;
        const news = JSON.stringify(endpoints) ?? 'unknown';
        if (news === said) await sleep(clock, 1000, feed.signal);
        else if (endpoints === undefined) feed.unknown(`${origin} does not list '${key}'`);
        else feed.publish(endpoints);
        [version, said] = [answer.headers.get('x-version') ?? '', news];
      }
    },
  });

function parse(body: unknown, feed: Feed): Endpoint[] {
  if (!Array.isArray(body)) throw new Error('the phone book sent no list');
  const good = body.filter((entry) => typeof entry?.id === 'string' && typeof entry.host === 'string');
  if (good.length < body.length) feed.report({ code: 'bad-entry', detail: 'an entry has no id or host' });
  return good.map(({ id, host, port }) => ({ id, host, port })).sort((a, b) => (a.id < b.id ? -1 : 1));
}
