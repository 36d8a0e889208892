// The official client as its own documentation uses it in a pod.
const { POD_ROOT, POD_NAMESPACE = '' } = process.env;

/** @returns an informer of the slices of one service; not started */
export async function informerOf(service, kit) {
  const { makeInformer, config, api } = kit ?? (await officialKit());
  const labelSelector = `kubernetes.io/service-name=${service}`;
  const path = `/apis/discovery.k8s.io/v1/namespaces/${POD_NAMESPACE}/endpointslices`;
  const list = () => api.listNamespacedEndpointSlice({ namespace: POD_NAMESPACE, labelSelector });
  return { informer: makeInformer(config, path, list, labelSelector) };
}

export async function officialKit() {
  const { KubeConfig, DiscoveryV1Api, makeInformer } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromCluster(POD_ROOT);
  return { makeInformer, config, api: config.makeApiClient(DiscoveryV1Api) };
}
