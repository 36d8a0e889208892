import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** A self-signed certificate for one DNS name, made for one test: no key has to be kept in the repository. */
export class Certificate {
  readonly key: string;
  readonly cert: string;

  constructor(dnsName: string) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const name = sequence(set(sequence(oid(0x55, 0x04, 0x03), tlv(0x0c, Buffer.from(dnsName)))));
    const algorithm = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
    const altNames = sequence(tlv(0x82, Buffer.from(dnsName)));
    const body = sequence(
      tlv(0xa0, tlv(0x02, Buffer.from([2]))),
      tlv(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
      algorithm,
      name,
      sequence(time(-3_600_000), time(3_600_000)),
      name,
      publicKey.export({ type: 'spki', format: 'der' }),
      tlv(0xa3, sequence(sequence(oid(0x55, 0x1d, 0x11), tlv(0x04, altNames)))),
    );
    const signature = Buffer.concat([Buffer.from([0]), sign('sha256', body, privateKey)]);
    const der = sequence(body, algorithm, tlv(0x03, signature)).toString('base64');
    this.cert = `-----BEGIN CERTIFICATE-----\n${der.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
    this.key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  }
}

// DER (X.690): a tag, the length, the contents.
function tlv(tag: number, contents: Buffer): Buffer {
  const { length } = contents;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), contents]);
}

const sequence = (...parts: Buffer[]): Buffer => tlv(0x30, Buffer.concat(parts));
const set = (...parts: Buffer[]): Buffer => tlv(0x31, Buffer.concat(parts));
const oid = (...bytes: number[]): Buffer => tlv(0x06, Buffer.from(bytes));
/** UTCTime, from now. */
const time = (offsetMs: number): Buffer => {
  const digits = new Date(Date.now() + offsetMs).toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return tlv(0x17, Buffer.from(`${digits}Z`));
};
