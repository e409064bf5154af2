/** The signatures of WeChat Pay APIv3: RSASSA-PKCS1-v1_5 with SHA-256 over lines that end in a newline. */
import { createHash, sign, verify, type KeyLike } from "node:crypto";

export const SCHEME = "WECHATPAY2-SHA256-RSA2048";

/** What a merchant signs: method, path with query as sent, seconds, nonce, body as sent. */
export function requestMessage(
  method: string,
  target: string,
  timestamp: string,
  nonce: string,
  body: Buffer,
): Buffer {
  const head = `${method}\n${target}\n${timestamp}\n${nonce}\n`;
  return Buffer.concat([Buffer.from(head), body, Buffer.from("\n")]);
}

/** What WeChat Pay signs, in answers and in callbacks. */
export function responseMessage(timestamp: string, nonce: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${timestamp}\n${nonce}\n`), body, Buffer.from("\n")]);
}

/**
 * What a merchant signs for the program that calls up the cashier.
 * @param last `prepay_id=wx…` for JSAPI and mini programs, the bare prepay_id for apps
 */
export function payMessage(appId: string, timestamp: string, nonce: string, last: string): Buffer {
  return Buffer.from(`${appId}\n${timestamp}\n${nonce}\n${last}\n`);
}

export function signMessage(message: Buffer, privateKey: KeyLike): string {
  return sign("sha256", message, privateKey).toString("base64");
}

/** False for any signature that isn't one, also for text that isn't base64. */
export function isSignedBy(message: Buffer, signature: string, publicKey: KeyLike): boolean {
  const bytes = Buffer.from(signature, "base64");
  if (bytes.toString("base64") !== signature) return false;
  return verify("sha256", message, publicKey, bytes);
}

/** Lower-case hexadecimal, as `hash_value` of a bill. */
export function sha1Hex(bytes: Buffer): string {
  return createHash("sha1").update(bytes).digest("hex");
}
