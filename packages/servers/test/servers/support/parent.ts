// Starts a cluster, tells what it is made of, and waits for its own end.
import { startKubernetes } from '@crowfly/servers';

const cluster = await startKubernetes();
const { directory, etcd, apiserver, controllerManager } = cluster;
await etcd.freeze(); // a frozen server must go too
console.log(JSON.stringify({ directory, pids: [etcd, apiserver, controllerManager].map(({ pid }) => pid) }));
