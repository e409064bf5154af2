/**
 * Encryption of APIv3: AES-256-GCM for what WeChat Pay sends (documentation: "如何解密证书和回调报文"), RSAES-OAEP
 * with SHA-1 for sensitive fields of requests ("如何加解密敏感信息").
 */
import { constants, createDecipheriv, publicEncrypt, type KeyObject } from "node:crypto";

/** A resource as it stands in callbacks and in the list of certificates. */
export interface Sealed {
  readonly ciphertext: string;
  readonly nonce: string;
  /** Absent and empty are the same. */
  readonly associatedData: string;
}

/** Its encryption does not hold: a wrong key, or bytes that WeChat Pay didn't write. */
export class SealBroken extends Error {
  override readonly name = "SealBroken";
}

const KEY_BYTES = 32;
const TAG_BYTES = 16;
/** What APIv3 uses has 12 bytes; longer ones are lawful GCM, and the tag decides. */
const NONCE_BYTES_MAX = 16;
/** OAEP with SHA-1 spends 42 of the modulus's bytes on padding. */
const OAEP_PADDING_BYTES = 42;

/**
 * The bytes in it, once its tag was checked.
 * @param keys 32 bytes each; the first under which the tag holds is taken
 * @throws SealBroken
 */
export function unseal(keys: readonly Buffer[], sealed: Sealed): Buffer {
  const bytes = decodeBase64(sealed.ciphertext);
  if (bytes === null) throw new SealBroken("the ciphertext is not base64");
  if (bytes.length < TAG_BYTES) throw new SealBroken("the ciphertext is shorter than its tag");
  const nonce = Buffer.from(sealed.nonce);
  if (nonce.length === 0 || nonce.length > NONCE_BYTES_MAX) {
    throw new SealBroken("the nonce has a wrong length");
  }
  for (const key of keys) {
    const plain = tryKey(key, nonce, Buffer.from(sealed.associatedData), bytes);
    if (plain !== null) return plain;
  }
  throw new SealBroken("the tag holds under none of our keys");
}

function tryKey(key: Buffer, nonce: Buffer, associated: Buffer, bytes: Buffer): Buffer | null {
  if (key.length !== KEY_BYTES) throw new TypeError(`an APIv3 key has ${KEY_BYTES} bytes`);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(associated);
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  const plain = decipher.update(bytes.subarray(0, -TAG_BYTES));
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    return null;
  }
}

/**
 * A sensitive text, encrypted for the owner of the key.
 * @throws RangeError when it is longer than the key can take
 */
export function sealField(key: KeyObject, text: string): string {
  const bytes = Buffer.from(text);
  const longest = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8 - OAEP_PADDING_BYTES;
  if (bytes.length > longest) throw new RangeError(`a sensitive field has at most ${longest} bytes`);
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  return publicEncrypt({ key, padding, oaepHash: "sha1" }, bytes).toString("base64");
}

/** Null for what is not base64 to the letter: padded, nothing else in it, and no stray bits. */
export function decodeBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : null;
}
