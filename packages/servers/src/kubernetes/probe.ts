import { randomBytes } from 'node:crypto';
import { until } from '../until.js';
import type { Objects } from './objects.js';

const WITHIN_MS = 10_000;

/**
 * Whether the controllers do what they are for: a Service of the probe's own gets a slice and an Endpoints object. Nothing
 * of it stays.
 */
export async function controllersWork(objects: Objects): Promise<boolean> {
  const name = `crowfly-probe-${randomBytes(4).toString('hex')}`;
  const metadata = { name, namespace: 'default' };
  const slices = `/apis/discovery.k8s.io/v1/namespaces/default/endpointslices`;
  const own = `${slices}?labelSelector=kubernetes.io%2Fservice-name%3D${name}`;
  await objects.create({
    kind: 'Service',
    metadata,
    ...{ spec: { selector: { app: name }, ports: [{ port: 80 }] } },
  });
  try {
    await until(
      'the controllers to make the slices of a service',
      async () => {
        const made = (await objects.ok('GET', own)).items ?? [];
        return made.length > 0 && (await objects.get('Endpoints', 'default', name)) !== undefined;
      },
      { withinMs: WITHIN_MS },
    );
    return true;
  } finally {
    await objects.delete('Service', 'default', name);
    await objects.ok('DELETE', own);
    await objects.delete('Endpoints', 'default', name);
  }
}
