import { createPublicKey, X509Certificate, type KeyObject } from "node:crypto";
import { issue, serialOf, type Certified } from "./certificate.ts";
import type { Random } from "./random.ts";
import { DAY_MS } from "./time.ts";

export interface MerchantOptions {
  /** Ten digits, made up when absent. */
  readonly mchid?: string;
  readonly appid?: string;
  /** 32 ASCII characters. */
  readonly apiV3Key?: string;
  /** Both or none. */
  readonly privateKeyPem?: string;
  readonly certificatePem?: string;
  /** Where refunds without a `notify_url` are told, as set on the merchant platform. */
  readonly refundNotifyUrl?: string;
}

/** A merchant as WeChat Pay knows it. */
export interface Merchant {
  readonly mchid: string;
  readonly appid: string;
  readonly apiV3Key: string;
  readonly privateKeyPem: string;
  readonly certificatePem: string;
  readonly serial: string;
  readonly publicKey: KeyObject;
  readonly untilMs: number;
  readonly refundNotifyUrl: string | null;
}

const LIFE_MS = 5 * 365 * DAY_MS;

export async function makeMerchant(
  options: MerchantOptions,
  authority: Certified,
  random: Random,
  nowMs: number,
): Promise<Merchant> {
  const mchid = options.mchid ?? `19${random.digits(8)}`;
  const apiV3Key = options.apiV3Key ?? random.alphanumeric(32);
  if (Buffer.byteLength(apiV3Key) !== 32) throw new RangeError("an APIv3 key has 32 bytes");
  const { privateKeyPem, certificatePem } = options;
  const given = privateKeyPem !== undefined && certificatePem !== undefined;
  const subject = { commonName: mchid, organization: "微信商户系统", unit: "billing-guard simulator" };
  const certified = given
    ? { privateKeyPem, certificatePem }
    : await issue({ subject, fromMs: nowMs - DAY_MS, untilMs: nowMs + LIFE_MS, authority });
  const certificate = new X509Certificate(certified.certificatePem);
  return {
    mchid,
    appid: options.appid ?? `wx${random.hex(16)}`,
    apiV3Key,
    ...certified,
    serial: serialOf(certified.certificatePem),
    publicKey: createPublicKey(certificate.publicKey.export({ type: "spki", format: "pem" })),
    untilMs: certificate.validToDate.getTime(),
    refundNotifyUrl: options.refundNotifyUrl ?? null,
  };
}
