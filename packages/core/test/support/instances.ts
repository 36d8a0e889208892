import type { Endpoint } from '@crowfly/core';

/** An instance on an address of its own: `instance('a')` is always the same, `instance('a', { port: 2 })` another. */
export function instance(id: string, facts: Partial<Endpoint> = {}): Endpoint {
  let number = 0;
  for (const char of id) number = (number * 31 + char.charCodeAt(0)) % 60_000;
  return { id, host: `10.1.${number >> 8}.${number & 255}`, port: 1024 + number, ...facts };
}

export const instances = (...ids: readonly string[]): Endpoint[] => ids.map((id) => instance(id));

export const many = (count: number, facts: Partial<Endpoint> = {}): Endpoint[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `i${index}`,
    host: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
    port: 8080,
    ...facts,
  }));

export const idsOf = (endpoints: readonly Endpoint[]): string[] => endpoints.map(({ id }) => id).sort();
