/** The keys that WeChat Pay signs with: platform certificates, and the public key that replaces them. */
import { createPrivateKey, createPublicKey, X509Certificate, type KeyObject } from "node:crypto";
import { AUTHORITY_SUBJECT, issue, newPrivateKey, pemOf, serialOf, type Certified } from "./certificate.ts";
import type { Random } from "./random.ts";
import { DAY_MS } from "./time.ts";

/** What verifies WeChat Pay's signatures: certificates only, the public key only, or both. */
export type KeyMode = "certificate" | "public-key" | "mixed";

/** Platform certificates live for five years. */
const LIFE_MS = 5 * 365 * DAY_MS;
/** Half a year before its end a certificate gets its successor, and both sign. */
const ROTATE_BEFORE_MS = 180 * DAY_MS;
const AUTHORITY_LIFE_MS = 20 * 365 * DAY_MS;
const PUBLIC_KEY_DIGITS = 28;

/** All that a simulator needs to be the same WeChat Pay again after a restart. */
export interface KeyMaterial {
  readonly authority: Certified;
  /** From the oldest to the newest; at least one. */
  readonly certificates: readonly Certified[];
  readonly publicKeyId: string;
  readonly publicKeyPrivatePem: string;
}

/** A key by the name that `Wechatpay-Serial` gives it. */
export interface SigningKey {
  readonly id: string;
  readonly privateKey: KeyObject;
  /** The certificate of a platform key, null for the key of public key mode. */
  readonly certificatePem: string | null;
  readonly fromMs: number;
  readonly untilMs: number;
}

export async function newKeyMaterial(random: Random, nowMs: number): Promise<KeyMaterial> {
  const span = { fromMs: nowMs - DAY_MS, untilMs: nowMs + AUTHORITY_LIFE_MS };
  const [authority, publicKey] = await Promise.all([
    issue({ subject: AUTHORITY_SUBJECT, ...span }),
    newPrivateKey(),
  ]);
  return {
    authority,
    certificates: [await newPlatformCertificate(authority, nowMs)],
    publicKeyId: `PUB_KEY_ID_${random.digits(PUBLIC_KEY_DIGITS)}`,
    publicKeyPrivatePem: pemOf(publicKey),
  };
}

function newPlatformCertificate(authority: Certified, nowMs: number): Promise<Certified> {
  const subject = {
    commonName: "Tenpay.com sign",
    organization: "Tenpay.com",
    unit: "Tenpay.com CA Center",
  };
  return issue({ subject, fromMs: nowMs - DAY_MS, untilMs: nowMs + LIFE_MS, authority });
}

export class KeyRing {
  readonly authority: Certified;
  readonly publicKey: SigningKey;
  mode: KeyMode;
  /** Which part of callbacks the public key signs in mixed mode. */
  callbackPublicKeyShare = 0.5;
  /** Which part of what certificates sign the newest of them signs. */
  newCertificateShare = 0.5;
  readonly #random: Random;
  #certificates: SigningKey[];

  constructor(material: KeyMaterial, mode: KeyMode, random: Random) {
    this.authority = material.authority;
    this.mode = mode;
    this.#random = random;
    this.#certificates = material.certificates.map(signingKey);
    this.publicKey = {
      id: material.publicKeyId,
      privateKey: createPrivateKey(material.publicKeyPrivatePem),
      certificatePem: null,
      fromMs: -Infinity,
      untilMs: Infinity,
    };
  }

  get publicKeyPem(): string {
    return createPublicKey(this.publicKey.privateKey).export({ type: "spki", format: "pem" }).toString();
  }

  /** The certificates that are valid, from the oldest to the newest. */
  certificates(nowMs: number): readonly SigningKey[] {
    return this.#certificates.filter(({ fromMs, untilMs }) => fromMs <= nowMs && nowMs < untilMs);
  }

  /** When the newest certificate gets its successor. */
  get rotationMs(): number {
    return (this.#certificates.at(-1)?.untilMs ?? 0) - ROTATE_BEFORE_MS;
  }

  /** A key by its name, null when the present mode doesn't have it. */
  byId(id: string, nowMs: number): SigningKey | null {
    if (id === this.publicKey.id) return this.mode === "certificate" ? null : this.publicKey;
    if (this.mode === "public-key") return null;
    return this.certificates(nowMs).find((key) => key.id === id) ?? null;
  }

  /** @param asked the request's `Wechatpay-Serial` */
  forAnswer(asked: string | undefined, nowMs: number): SigningKey {
    if (this.mode === "public-key") return this.publicKey;
    if (this.mode === "mixed" && asked === this.publicKey.id) return this.publicKey;
    return this.#certificate(nowMs);
  }

  forCallback(nowMs: number): SigningKey {
    if (this.mode === "public-key") return this.publicKey;
    const byPublicKey = this.mode === "mixed" && this.#random.fraction() < this.callbackPublicKeyShare;
    return byPublicKey ? this.publicKey : this.#certificate(nowMs);
  }

  /** Another of WeChat Pay's keys than the given one; the same when there is only one. */
  other(than: SigningKey, nowMs: number): SigningKey {
    return [...this.certificates(nowMs), this.publicKey].find(({ id }) => id !== than.id) ?? than;
  }

  /**
   * A new certificate joins the list, and both sign from now on. Making its key takes a while.
   * @param over when it is aborted by then, the certificate is not taken
   * @returns its serial
   */
  async rotateCertificate(nowMs: number, over?: AbortSignal): Promise<string> {
    const added = signingKey(await newPlatformCertificate(this.authority, nowMs));
    if (over?.aborted !== true) this.#certificates.push(added);
    return added.id;
  }

  /** Only the newest certificate that is valid stays. */
  retireOldCertificates(nowMs: number): void {
    const newest = this.certificates(nowMs).at(-1) ?? this.#certificates.at(-1);
    this.#certificates = this.#certificates.filter((each) => each === newest);
  }

  material(): KeyMaterial {
    const certificates = this.#certificates.map(({ privateKey, certificatePem }) => ({
      privateKeyPem: pemOf(privateKey),
      certificatePem: certificatePem ?? "",
    }));
    const publicKeyPrivatePem = pemOf(this.publicKey.privateKey);
    return { authority: this.authority, certificates, publicKeyId: this.publicKey.id, publicKeyPrivatePem };
  }

  #certificate(nowMs: number): SigningKey {
    const valid = this.certificates(nowMs);
    const newest = valid.at(-1) ?? this.#certificates.at(-1);
    if (newest === undefined) throw new Error("a simulator has at least one platform certificate");
    const older = valid.at(-2);
    if (older === undefined) return newest;
    return this.#random.fraction() < this.newCertificateShare ? newest : older;
  }
}

function signingKey({ privateKeyPem, certificatePem }: Certified): SigningKey {
  const certificate = new X509Certificate(certificatePem);
  return {
    id: serialOf(certificatePem),
    privateKey: createPrivateKey(privateKeyPem),
    certificatePem,
    fromMs: certificate.validFromDate.getTime(),
    untilMs: certificate.validToDate.getTime(),
  };
}
