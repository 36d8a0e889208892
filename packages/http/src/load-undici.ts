export type Undici = typeof import('undici');

let loading: Promise<Undici> | undefined;

/**
 * undici, loaded when the first call to a service needs it: it costs tens of milliseconds and some 18 MB.
 *
 * Loaded first in a process, it would also make its own dispatcher the one of the built-in fetch. Touching a class of
 * the built-in fetch before makes Node.js load its own, which is then left alone.
 */
export function loadUndici(): Promise<Undici> {
  loading ??= ((): Promise<Undici> => {
    void globalThis.Request;
    return import('undici');
  })();
  return loading;
}
