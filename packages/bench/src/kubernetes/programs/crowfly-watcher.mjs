// Tells its parent of each set that a pick can see: the listener is called when members and balancer have changed.
import { kubernetes } from '@crowfly/registry-kubernetes';
import { createDiscovery } from 'crowfly';

const [service = ''] = process.argv.slice(2);
const registry = kubernetes({ serviceAccountDirectory: process.env.POD_DIRECTORY });
const discovery = createDiscovery({ registry, logger: false, env: false });
discovery.watch(service, async (snapshot) => {
  if (snapshot.status !== 'ready') return;
  const lease = await discovery.acquire(service);
  const at = Number(process.hrtime.bigint()) / 1e6;
  lease.done({ kind: 'canceled' });
  process.send?.({ at, zone: lease.endpoint.zone, ready: snapshot.endpoints.length });
});
process.once('disconnect', () => process.exit());
