// The least that a program can do to see a change: one watch over node:https, and JSON.parse. It recovers from nothing.
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';

const [service = ''] = process.argv.slice(2);
const { POD_DIRECTORY = '', POD_NAMESPACE, KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT } = process.env;
const read = (name) => readFileSync(join(POD_DIRECTORY, name), 'utf8');
const headers = { authorization: `Bearer ${read('token')}`, accept: 'application/json' };
const ca = read('ca.crt');
const selector = encodeURIComponent(`kubernetes.io/service-name=${service}`);
const base = `https://${KUBERNETES_SERVICE_HOST}:${KUBERNETES_SERVICE_PORT}/apis/discovery.k8s.io/v1/namespaces/${POD_NAMESPACE}/endpointslices?labelSelector=${selector}`;

const open = (query) =>
  new Promise((resolve, reject) => {
    request(base + query, { ca, headers }, resolve)
      .once('error', reject)
      .end();
  });

function tell({ endpoints }) {
  const at = Number(process.hrtime.bigint()) / 1e6;
  const ready = (endpoints ?? []).filter(({ conditions }) => conditions.ready !== false);
  process.send?.({ at, zone: ready[0]?.zone, ready: ready.length });
}

let text = '';
for await (const chunk of (await open('&resourceVersion=0')).setEncoding('utf8')) text += chunk;
const list = JSON.parse(text);
for (const slice of list.items) tell(slice);
const watch = await open(`&watch=1&resourceVersion=${list.metadata.resourceVersion}`);
let rest = '';
watch.setEncoding('utf8').on('data', (chunk) => {
  const lines = (rest + chunk).split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) tell(JSON.parse(line).object);
});
process.once('disconnect', () => process.exit());
