/** Counts requests to the API server by their verb, and tells the parent when it asks. */
export function counted() {
  const counts = { ready: 0, list: 0, watch: 0, get: 0 };
  const tell = () => process.send?.(counts);
  process.on('message', tell);
  process.once('disconnect', () => process.exit());
  return {
    request(path) {
      const { pathname, searchParams } = new URL(path, 'https://kubernetes.invalid');
      if (searchParams.has('watch')) counts.watch++;
      else if (pathname.endsWith('/endpointslices')) counts.list++;
      else counts.get++;
    },
    ready(services) {
      counts.ready = services;
      tell();
    },
  };
}
