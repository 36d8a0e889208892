export type NativeFetch = (input: unknown, init: unknown) => Promise<Response>;

/**
 * The global fetch at the time of each call, so that what instruments or mocks it sees ours too; but not when that leads
 * back here, because somebody made ours the global one: then the one that was global before.
 */
export function nativeFetch(): NativeFetch {
  const original = globalThis.fetch as NativeFetch;
  let calling = false;
  return (input, init) => {
    if (calling) return original(input, init);
    calling = true;
    try {
      return (globalThis.fetch as NativeFetch)(input, init);
    } finally {
      calling = false;
    }
  };
}
