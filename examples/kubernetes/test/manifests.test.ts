import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';

const example = fileURLToPath(new URL('..', import.meta.url));
const read = (...path: string[]): string => readFileSync(join(...path), 'utf8');

function objectsOf(text: string): any[] {
  return parseAllDocuments(text).map((document) => {
    expect(document.errors).to.deep.equal([]);
    return document.toJS();
  });
}

const folder = join(example, 'manifests');
const objects = readdirSync(folder)
  .sort()
  .flatMap((file) => objectsOf(read(folder, file)));
const find = (kind: string, name: string): any => {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  expect(found, `${kind} ${name}`).to.not.equal(undefined);
  return found;
};

describe('the manifests of the Kubernetes example', () => {
  it('create the namespace before what stands in it', () => {
    const [namespace, ...others] = objects;
    expect(namespace).to.deep.include({ apiVersion: 'v1', kind: 'Namespace' });
    for (const { kind, metadata } of others)
      expect(metadata.namespace, kind).to.equal(namespace.metadata.name);
  });

  it('give the client the rights that the package ships, and nothing else', () => {
    const entry = createRequire(import.meta.url).resolve('@crowfly/registry-kubernetes');
    const [shipped] = objectsOf(read(entry.slice(0, entry.lastIndexOf('dist')), 'manifests', 'role.yaml'));
    const role = find('Role', 'crowfly');
    expect(role.rules).to.deep.equal(shipped.rules);

    const binding = find('RoleBinding', 'crowfly');
    expect(binding.roleRef).to.include({ kind: 'Role', name: role.metadata.name });
    const account = find('ServiceAccount', 'web').metadata;
    expect(binding.subjects).to.deep.equal([{ kind: 'ServiceAccount', ...account }]);
    expect(find('Deployment', 'web').spec.template.spec.serviceAccountName).to.equal('web');
    expect(objects.filter(({ kind }) => /Role/.test(kind))).to.deep.equal([role, binding]);
  });

  it('let the service say when it is ready, and give it the time that it takes to leave', () => {
    const { template, selector } = find('Deployment', 'orders').spec;
    const [container] = template.spec.containers;
    expect(container.readinessProbe.httpGet).to.deep.equal({ path: '/ready', port: 'http' });
    // What gracefulShutdown takes at the most: delayMs and closeMs, and 5 s to end.
    expect(template.spec.terminationGracePeriodSeconds).to.be.greaterThan(20);
    expect(template.metadata.labels).to.include(selector.matchLabels);
    const service = find('Service', 'orders').spec;
    expect(template.metadata.labels).to.include(service.selector);
    expect(container.ports.map(({ name }: any) => name)).to.include(service.ports[0].targetPort);
  });

  it('tell the client where it runs', () => {
    const [{ env }] = find('Deployment', 'web').spec.template.spec.containers;
    const paths = env.map(({ name, valueFrom }: any) => [name, valueFrom.fieldRef.fieldPath]);
    expect(Object.fromEntries(paths)).to.deep.equal({
      CROWFLY_SELF_NODE: 'spec.nodeName',
      CROWFLY_SELF_ZONE: "metadata.labels['topology.kubernetes.io/zone']",
    });
  });

  it('run both programs of one image without root', () => {
    expect(read(example, 'Dockerfile')).to.match(/^USER [1-9]\d*$/m);
    for (const name of ['orders', 'web']) {
      const { spec } = find('Deployment', name).spec.template;
      expect(spec.securityContext.runAsNonRoot).to.equal(true);
      expect(spec.containers[0].command).to.deep.equal(['node', `src/${name}.mjs`]);
      expect(spec.containers[0].image).to.equal('crowfly-example:1');
    }
  });

  it('are built into an image that has what the programs import', () => {
    const manifest = JSON.parse(read(example, 'package.json'));
    const image = JSON.parse(read(example, 'image', 'package.json'));
    expect(Object.keys(image.dependencies)).to.have.members(Object.keys(manifest.dependencies));
    for (const range of Object.values(image.dependencies)) expect(range).to.equal(`^${manifest.version}`);
  });
});
