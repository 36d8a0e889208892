import { readFileSync } from 'node:fs';

export interface Bound {
  readonly namespace: string;
  readonly account: string;
}

/** A shipped manifest as it is, and the RoleBinding that its comment tells users to make. */
export function manifest(file: 'role.yaml' | 'role-endpoints.yaml', { namespace, account }: Bound): string {
  const role = readFileSync(new URL(`../../../manifests/${file}`, import.meta.url), 'utf8');
  const name = /^ {2}name: (\S+)$/m.exec(role)?.[1];
  return `${role.replace(/^metadata:$/m, `metadata:\n  namespace: ${namespace}`)}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: ${name}, namespace: ${namespace} }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: ${name} }
subjects: [{ kind: ServiceAccount, name: ${account}, namespace: ${namespace} }]
`;
}
