import { file } from '@crowfly/registry-static';
import { createDiscovery } from 'crowfly';

const discovery = createDiscovery({ registry: file('services.yaml') });

for (let id = 40; id < 50; id++) {
  const response = await discovery.fetch(`http://orders/v1/${id}`); // as the built-in fetch
  console.log(response.status, response.url, await response.text());
}

await discovery.close();
