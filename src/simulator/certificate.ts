/** X.509 v3 certificates with RSA keys of 2048 bits, as WeChat Pay's authority issues them. */
import { createPrivateKey, generateKeyPair, randomBytes, sign, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { promisify } from "node:util";
import * as der from "./der.ts";

const generate = promisify(generateKeyPair);
const KEY_BITS = 2048;
const SERIAL_BYTES = 20;

const OID = {
  commonName: "2.5.4.3",
  country: "2.5.4.6",
  locality: "2.5.4.7",
  organization: "2.5.4.10",
  unit: "2.5.4.11",
  sha256WithRsa: "1.2.840.113549.1.1.11",
  keyUsage: "2.5.29.15",
  basicConstraints: "2.5.29.19",
};

/** A private key and the certificate of its public key. */
export interface Certified {
  readonly privateKeyPem: string;
  readonly certificatePem: string;
}

export interface Subject {
  readonly commonName: string;
  readonly organization?: string;
  readonly unit?: string;
}

export const AUTHORITY_SUBJECT: Subject = {
  commonName: "Tenpay.com Root CA",
  organization: "Tenpay.com",
  unit: "Tenpay.com CA Center",
};

export interface Issuance {
  readonly subject: Subject;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Who signs; without it the certificate signs itself, as an authority does. */
  readonly authority?: Certified;
}

export async function newPrivateKey(): Promise<KeyObject> {
  return (await generate("rsa", { modulusLength: KEY_BITS })).privateKey;
}

/** A new key and its certificate. */
export async function issue(issuance: Issuance): Promise<Certified> {
  const { subject, fromMs, untilMs, authority } = issuance;
  const { privateKey, publicKey } = await generate("rsa", { modulusLength: KEY_BITS });
  const algorithm = der.sequence(der.oid(OID.sha256WithRsa), der.nothing());
  const body = der.sequence(
    der.tagged(0xa0, der.integer(Buffer.of(2))),
    der.integer(serial()),
    algorithm,
    distinguished(authority ? AUTHORITY_SUBJECT : subject),
    der.sequence(der.time(fromMs), der.time(untilMs)),
    distinguished(subject),
    publicKey.export({ type: "spki", format: "der" }),
    der.tagged(0xa3, authority ? leafExtensions() : authorityExtensions()),
  );
  const signer = authority ? createPrivateKey(authority.privateKeyPem) : privateKey;
  const signature = der.bitString(sign("sha256", body, signer));
  return {
    privateKeyPem: pemOf(privateKey),
    certificatePem: der.pem("CERTIFICATE", der.sequence(body, algorithm, signature)),
  };
}

export function pemOf(privateKey: KeyObject): string {
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** The serial number as WeChat Pay prints it: upper-case hexadecimal. */
export function serialOf(certificatePem: string): string {
  return new X509Certificate(certificatePem).serialNumber;
}

/** 40 hexadecimal digits of which none in front is zero. */
function serial(): Buffer {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return bytes;
}

function distinguished(subject: Subject): Buffer {
  const pairs: readonly (readonly [string, string | undefined])[] = [
    [OID.locality, "ShenZhen"],
    [OID.organization, subject.organization],
    [OID.unit, subject.unit],
    [OID.commonName, subject.commonName],
  ];
  const sets = pairs.flatMap(([id, value]) =>
    value === undefined ? [] : [der.set(der.sequence(der.oid(id), der.text(value)))],
  );
  // A country is always printable text, two letters of it.
  const country = der.set(der.sequence(der.oid(OID.country), der.printable("CN")));
  return der.sequence(country, ...sets);
}

function leafExtensions(): Buffer {
  // The two highest bits of key usage: digital signature and non-repudiation.
  const usage = der.octets(der.bitString(Buffer.of(0xc0), 6));
  return der.sequence(
    der.sequence(der.oid(OID.basicConstraints), der.octets(der.sequence())),
    der.sequence(der.oid(OID.keyUsage), der.yes(), usage),
  );
}

function authorityExtensions(): Buffer {
  const isAuthority = der.octets(der.sequence(der.yes()));
  return der.sequence(der.sequence(der.oid(OID.basicConstraints), der.yes(), isAuthority));
}
