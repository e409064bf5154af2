/** Certificates for tests (X.509 v3, ECDSA on P-256), made without any program of the machine. */
import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";

export interface CertificateOptions {
  readonly commonName: string;
  /** Subject alternative names: `URI:spiffe://a/b`, `DNS:localhost`, `IP:127.0.0.1`. */
  readonly names?: readonly string[];
  /** Who signs; by default the certificate signs itself, as an authority does. */
  readonly issuer?: Certificate;
  /** The end of its life; in a day by default. */
  readonly until?: Date | undefined;
}

export interface Certificate {
  readonly commonName: string;
  readonly certPem: string;
  readonly keyPem: string;
}

const DAY_MS = 86_400_000;
const SERIAL_BYTES = 16;

/** The parts of DER that certificates are made of. */
const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  text: 0x0c,
  time: 0x18,
  sequence: 0x30,
  set: 0x31,
};
const OID = {
  commonName: "2.5.4.3",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  basicConstraints: "2.5.29.19",
  subjectAltName: "2.5.29.17",
};
/** Tags of general names, by the word that OpenSSL has for them. */
const NAME_TAGS: Readonly<Record<string, number>> = { DNS: 0x82, URI: 0x86, IP: 0x87 };

/** A new key and its certificate. One without an issuer is an authority. */
export function makeCertificate(options: CertificateOptions): Certificate {
  const { commonName, names = [], issuer, until = new Date(Date.now() + DAY_MS) } = options;
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const extensions = [
    sequence(oid(OID.basicConstraints), der(TAG.boolean, Buffer.of(0xff)), authority(!issuer)),
    ...(names.length === 0 ? [] : [sequence(oid(OID.subjectAltName), alternatives(names))]),
  ];
  const body = sequence(
    der(0xa0, der(TAG.integer, Buffer.of(2))),
    // The first byte keeps the number positive and its encoding the shortest.
    der(TAG.integer, Buffer.concat([Buffer.of(1), randomBytes(SERIAL_BYTES)])),
    algorithm,
    distinguished(issuer?.commonName ?? commonName),
    sequence(time(new Date(until.getTime() - 2 * DAY_MS)), time(until)),
    distinguished(commonName),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions)),
  );
  const signer = issuer ? createPrivateKey(issuer.keyPem) : privateKey;
  const signature = der(TAG.bits, Buffer.concat([Buffer.of(0), sign("sha256", body, signer)]));
  return {
    commonName,
    certPem: pem("CERTIFICATE", sequence(body, algorithm, signature)),
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function authority(isAuthority: boolean): Buffer {
  const word = isAuthority ? [der(TAG.boolean, Buffer.of(0xff))] : [];
  return der(TAG.octets, sequence(...word));
}

function alternatives(names: readonly string[]): Buffer {
  const encoded = names.map((name) => {
    const [kind = "", ...rest] = name.split(":");
    const value = rest.join(":");
    const tag = NAME_TAGS[kind];
    if (tag === undefined) throw new TypeError(`no such kind of name: ${name}`);
    return der(tag, kind === "IP" ? Buffer.from(value.split(".").map(Number)) : Buffer.from(value));
  });
  return der(TAG.octets, sequence(...encoded));
}

function distinguished(commonName: string): Buffer {
  const pair = sequence(oid(OID.commonName), der(TAG.text, Buffer.from(commonName)));
  return sequence(der(TAG.set, pair));
}

function time(at: Date): Buffer {
  const digits = at.toISOString().replaceAll(/[-:T]/g, "").slice(0, 14);
  return der(TAG.time, Buffer.from(`${digits}Z`));
}

function sequence(...parts: Buffer[]): Buffer {
  return der(TAG.sequence, Buffer.concat(parts));
}

/** Tag, length, content. */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const hex = length.toString(16);
  const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
  return Buffer.concat([Buffer.of(tag, 0x80 | bytes.length), bytes, content]);
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return der(TAG.oid, Buffer.from(bytes));
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
