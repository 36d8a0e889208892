import { CrowflyError, type Health, type Instance } from '@crowfly/core';
import { serviceOf } from './names.js';

/** What Consul allows in metadata. */
const MAX_META = 64;
const MAX_META_KEY = 128;
const MAX_META_VALUE = 512;
const META_KEY = /^[A-Za-z0-9_-]+$/;
/** Consul's own minimum: with less it takes a minute all the same. */
const MIN_DEREGISTER_MS = 60_000;

/** The one check of an instance. */
export const checkIdOf = ({ id }: Instance): string => `service:${id}`;

/** @throws CrowflyError `bad-option` for what Consul cannot hold, or would take and change */
export function checkInstance(instance: Instance, zoneKey: string): void {
  const { name, tag, datacenter } = serviceOf({ key: instance.service });
  if (datacenter !== undefined)
    throw bad(
      'service',
      `an agent registers in its own datacenter: register '${name}' there, without '@${datacenter}'`,
    );
  if (tag !== undefined) throw bad('service', `register '${name}', with tags: ['${tag}']`);
  if (!/^[^\s"\\`]+$/.test(instance.id)) throw bad('id', "has a space, a quotation mark, '`' or '\\'");
  const { weight, deregisterAfterMs } = instance;
  if (weight !== undefined && (!Number.isInteger(weight) || weight < 1))
    throw bad(
      'weight',
      'Consul takes whole numbers from 1 to 65535; to take an instance out of rotation, drain it',
    );
  if (deregisterAfterMs < MIN_DEREGISTER_MS)
    throw bad('deregisterAfterMs', `Consul keeps a dead instance for ${MIN_DEREGISTER_MS} ms at least`);
  instance.tags.forEach((one, index) => {
    if (one === '') throw bad(`tags[${index}]`, 'is empty');
  });
  checkMeta(metaOf(instance, zoneKey));
}

function checkMeta(meta: Readonly<Record<string, string>>): void {
  const entries = Object.entries(meta);
  if (entries.length > MAX_META)
    throw bad(
      'metadata',
      `Consul takes ${MAX_META} entries, and these are ${entries.length} with zone, version and protocol`,
    );
  for (const [key, value] of entries) {
    if (!META_KEY.test(key) || key.length > MAX_META_KEY || key.startsWith('consul-'))
      throw bad(
        'metadata',
        `Consul takes keys of letters, digits, '_' and '-', at most ${MAX_META_KEY}, that do not begin with 'consul-': '${key.slice(0, 40)}' is none`,
      );
    if (value.length > MAX_META_VALUE)
      throw bad(
        `metadata.${key}`,
        `Consul takes at most ${MAX_META_VALUE} characters, and it has ${value.length}`,
      );
  }
}

/** What discovery reads back: zone, version and protocol stand in the metadata. */
function metaOf(
  { metadata, zone, version, protocol }: Instance,
  zoneKey: string,
): Readonly<Record<string, string>> {
  return {
    ...metadata,
    ...(zone === undefined ? {} : { [zoneKey]: zone }),
    ...(version === undefined ? {} : { version }),
    ...(protocol === undefined ? {} : { protocol }),
  };
}

/** The body of `/v1/agent/service/register`. */
export function payloadOf(instance: Instance, health: Health, zoneKey: string): object {
  const { id, service, host, port, tags, weight = 1, liveness, deregisterAfterMs, protocol } = instance;
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const check =
    liveness.kind === 'heartbeat'
      ? { TTL: `${liveness.ttlMs}ms` }
      : {
          ...(liveness.kind === 'tcp'
            ? { TCP: address }
            : {
                HTTP: `${protocol === 'https' ? 'https' : 'http'}://${address}${liveness.path}`,
                Method: 'GET',
              }),
          Interval: `${liveness.intervalMs}ms`,
          Timeout: `${liveness.timeoutMs}ms`,
        };
  return {
    ID: id,
    Name: service,
    Address: host,
    Port: port,
    Tags: tags,
    Meta: metaOf(instance, zoneKey),
    Weights: { Passing: weight, Warning: weight },
    Check: {
      CheckID: checkIdOf(instance),
      Name: `crowfly ${liveness.kind}`,
      Status: health,
      DeregisterCriticalServiceAfter: `${deregisterAfterMs}ms`,
      ...check,
    },
  };
}

function bad(option: string, text: string): CrowflyError {
  const path = `register.${option}`;
  return new CrowflyError('bad-option', `${path}: ${text}`, { path });
}
