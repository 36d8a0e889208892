const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** Whether executing a request with this method twice does no harm (RFC 9110, section 9.2.2). Upper case counts. */
export function isIdempotentMethod(method: string): boolean {
  return METHODS.has(method);
}
