import type { Endpoint } from '@crowfly/core';

const LONG = 'x'.repeat(1_000_000);

/** One sort of hostile instances. */
export interface Hostility {
  readonly title: string;
  /** @param good what each of them would be without the hostile part */
  make(good: Endpoint): readonly Endpoint[];
}

export const HOSTILITIES: readonly Hostility[] = [
  {
    title: 'ports that are none (0, -1, 70000, 1.5, NaN)',
    make: (good) => [0, -1, 70_000, 1.5, Number.NaN].map((port) => ({ ...good, port })),
  },
  {
    title: 'hosts that are none (empty, with spaces, line breaks, slashes, user info)',
    make: (good) =>
      ['', ' ', 'a b', 'a\nb', 'a\u0000b', '../x', 'http://x/', 'user:pw@x', '%00', '[::1', '999.1.1.1'].map(
        (host) => ({ ...good, host }),
      ),
  },
  {
    title: 'addresses that no instance has (0.0.0.0, link-local, multicast)',
    make: (good) => ['0.0.0.0', '169.254.169.254', '224.0.0.1'].map((host) => ({ ...good, host })),
  },
  {
    title: 'ids with control characters, or named as what every object has',
    make: (good) =>
      ['__proto__', 'constructor', 'a\u0000b', 'a\r\nb: c', '\u001b[2J', ''].map((id) => ({ ...good, id })),
  },
  {
    title: 'metadata with __proto__ and constructor keys',
    make: (good) => [
      {
        ...good,
        metadata: JSON.parse(
          '{"__proto__":"polluted","constructor":"polluted","toString":"polluted","kitPolluted":"yes"}',
        ) as Record<string, string>,
      },
    ],
  },
  {
    title: 'strings of a million characters',
    make: (good) => [
      { ...good, id: LONG },
      { ...good, host: LONG },
      { ...good, zone: LONG },
      { ...good, metadata: { long: LONG, [LONG]: 'long' } },
    ],
  },
  {
    title: 'ten thousand metadata keys',
    make: (good) => [
      { ...good, metadata: Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`key-${n}`, 'x'])) },
    ],
  },
  {
    title: 'weights and priorities that are none',
    make: (good) => [-1, Number.NaN, 1e308].map((weight) => ({ ...good, weight, priority: weight })),
  },
];
