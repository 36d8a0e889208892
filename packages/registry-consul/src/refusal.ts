import { CrowflyError, printable } from '@crowfly/core';

/** What a request was about, in the words of Consul's rights. */
export interface Subject {
  readonly service: string;
  readonly datacenter: string | undefined;
  /** `read` to discover, `write` to register. */
  readonly right: 'read' | 'write';
}

export interface Asked {
  readonly agent: string;
  /** `the token in CONSUL_HTTP_TOKEN`; `undefined`: none was sent. */
  readonly credentials: string | undefined;
}

/** The rules of a policy that grant what was refused. */
function rulesOf({ service, right }: Subject): string {
  const name = printable(service, 100);
  const own = `service "${name}" { policy = "${right}" }`;
  return right === 'write' ? own : `${own} and node_prefix "" { policy = "read" }`;
}

/** What Consul hides by its rights, as the error to throw. */
export function hidden(subject: Subject, { agent, credentials }: Asked): CrowflyError {
  const whose = credentials ?? 'a request without a token';
  return new CrowflyError(
    'denied',
    `${agent} hides instances of '${printable(subject.service)}' from ${whose} (X-Consul-Results-Filtered-By-ACLs): it takes a policy with ${rulesOf(subject)}`,
  );
}

/** An agent that has lost its servers, in its words. */
const NO_SERVERS = /No known Consul servers|rpc error getting client|code = Unavailable/i;

/** An agent that cannot answer for its servers, as the error to throw. */
export function unable(agent: string, status: number, text: string): CrowflyError {
  const said = printable(text.trim(), 300);
  return failed(
    `${agent} has lost its servers (${status}${said === '' ? '' : `: ${said}`}): what does consul members say there?`,
  );
}

/** An answer other than 200, as the error to throw. `text`: what it said, without our credentials. */
export function refusal(
  subject: Subject,
  { agent, credentials }: Asked,
  status: number,
  text: string,
): CrowflyError {
  const said = printable(text.trim(), 300);
  const what = `${subject.right} service '${printable(subject.service)}'`;
  const answered = `${agent} answered ${status}${said === '' ? '' : `: ${said}`}`;
  if (status === 401 || status === 403) return denied(subject, agent, credentials, status, said, what);
  if (/No path to datacenter/i.test(said))
    return failed(
      `${agent} knows no datacenter '${subject.datacenter ?? ''}', or has no way to it (asked to ${what}): is the name right?`,
    );
  if (/boolean expression|filter expression/i.test(said))
    return new CrowflyError('bad-option', `consul.filter: ${agent} cannot read it (${status}): ${said}`, {
      path: 'consul.filter',
    });
  if (/Invalid service address/i.test(said))
    return new CrowflyError('bad-option', `register.host: ${agent} does not take it: ${said}`, {
      path: 'register.host',
    });
  if (status === 429)
    return failed(
      `${answered}; it has too much to do, or too many connections from here (limits.http_max_conns_per_client)`,
    );
  if (/No cluster leader/i.test(said))
    return failed(
      `${agent} has no leader to ask (${status}, when asked to ${what}): its servers elect one, or most of them are down`,
    );
  if (status >= 500 && NO_SERVERS.test(said)) return unable(agent, status, text);
  if (status === 400 && /HTTP request to an HTTPS server/i.test(said))
    return failed(
      `${agent} speaks https: write https:// in front of the address, or set CONSUL_HTTP_SSL=true`,
    );
  if (status >= 300 && status < 400)
    return failed(`${answered}: a redirect; is this the address of a Consul agent?`);
  if (status === 404)
    return failed(`${answered}, when asked to ${what}: is this the address of a Consul agent?`);
  return failed(`${answered}, when asked to ${what}`);
}

function denied(
  subject: Subject,
  agent: string,
  credentials: string | undefined,
  status: number,
  said: string,
  what: string,
): CrowflyError {
  const grants = `it takes a policy with ${rulesOf(subject)}`;
  if (credentials === undefined)
    return new CrowflyError(
      'denied',
      `${agent} does not let just anybody ${what} (${status}), and no token was sent: pass token or tokenFile, or set CONSUL_HTTP_TOKEN; ${grants}`,
    );
  if (/ACL not found/i.test(said))
    return new CrowflyError(
      'denied',
      `${agent} does not know ${credentials} (${status}, ACL not found, when asked to ${what}): it was deleted, has expired, or is of another cluster`,
    );
  return new CrowflyError('denied', `${agent} does not let ${credentials} ${what} (${status}): ${grants}`);
}

const failed = (message: string): CrowflyError => new CrowflyError('registry-failed', message);
