/**
 * The keys that WeChat Pay's signatures are checked with: its public key, which has an id and no end, and
 * platform certificates, which have serial numbers and run out. During a change-over both are in use, and
 * which one signed is said by `Wechatpay-Serial` alone.
 */
import type { KeyObject, X509Certificate } from "node:crypto";

export interface PlatformCertificate {
  /** In upper-case hexadecimal, as it comes in `Wechatpay-Serial`. */
  readonly serial: string;
  readonly key: KeyObject;
  readonly expireTimeMs: number;
}

/** Which of its two ways of signing WeChat Pay has used. */
export type KeyKind = "public-key" | "certificate";

/** A key with the name to put into `Wechatpay-Serial` beside what was encrypted with it. */
export interface NamedKey {
  readonly id: string;
  readonly key: KeyObject;
}

export class KeyRing {
  readonly #publicKey: NamedKey | null;
  #certificates: ReadonlyMap<string, PlatformCertificate> = new Map();

  constructor(publicKey: NamedKey | null) {
    this.#publicKey = publicKey;
  }

  /** The id to send with every request: it asks for answers signed with that key. Null when there's none. */
  get publicKeyId(): string | null {
    return this.#publicKey?.id ?? null;
  }

  /** Undefined for a name that isn't known, and for a certificate that has run out. */
  find(serial: string, nowMs: number): KeyObject | undefined {
    if (serial === this.#publicKey?.id) return this.#publicKey.key;
    const certificate = this.#certificates.get(serial);
    return certificate && certificate.expireTimeMs > nowMs ? certificate.key : undefined;
  }

  kindOf(serial: string): KeyKind {
    return serial === this.#publicKey?.id ? "public-key" : "certificate";
  }

  /** The key to encrypt with: the public key, else the certificate that lives longest. */
  encryptionKey(nowMs: number): NamedKey | undefined {
    if (this.#publicKey !== null) return this.#publicKey;
    const [longest] = this.certificates(nowMs);
    return longest && { id: longest.serial, key: longest.key };
  }

  /** Those that haven't run out, the one that lives longest first. */
  certificates(nowMs: number): readonly PlatformCertificate[] {
    return [...this.#certificates.values()]
      .filter(({ expireTimeMs }) => expireTimeMs > nowMs)
      .sort((left, right) => right.expireTimeMs - left.expireTimeMs);
  }

  /** Takes these certificates, and drops those that are not among them: WeChat Pay has withdrawn them. */
  replaceCertificates(certificates: readonly PlatformCertificate[]): void {
    this.#certificates = new Map(certificates.map((certificate) => [certificate.serial, certificate]));
  }
}

export function platformCertificate(parsed: X509Certificate): PlatformCertificate {
  const { serialNumber, publicKey, validToDate } = parsed;
  return { serial: serialNumber.toUpperCase(), key: publicKey, expireTimeMs: validToDate.getTime() };
}
