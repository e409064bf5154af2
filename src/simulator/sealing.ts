/** What WeChat Pay encrypts: resources by AES-GCM with the APIv3 key, fields by RSA-OAEP with SHA-1. */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  privateDecrypt,
  publicEncrypt,
  type KeyLike,
} from "node:crypto";

const TAG_BYTES = 16;

/** Base64 of ciphertext and tag. A key of 16 bytes means AES-128, as in official test vectors. */
export function seal(key: string, nonce: string, associatedData: string, plaintext: Buffer): string {
  const cipher = createCipheriv(algorithmFor(key), Buffer.from(key), Buffer.from(nonce));
  cipher.setAAD(Buffer.from(associatedData));
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([body, cipher.getAuthTag()]).toString("base64");
}

/** @throws Error when anything differs from what was sealed */
export function unseal(key: string, nonce: string, associatedData: string, sealed: string): Buffer {
  const bytes = Buffer.from(sealed, "base64");
  if (bytes.length < TAG_BYTES) throw new Error("the ciphertext is shorter than its tag");
  const options = { authTagLength: TAG_BYTES };
  const decipher = createDecipheriv(algorithmFor(key), Buffer.from(key), Buffer.from(nonce), options);
  decipher.setAAD(Buffer.from(associatedData));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]);
}

/** At most 214 bytes with a key of 2048 bits. */
export function encryptField(text: string, publicKey: KeyLike): string {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  return publicEncrypt({ key: publicKey as string, padding, oaepHash: "sha1" }, Buffer.from(text)).toString(
    "base64",
  );
}

/** @throws Error when the text wasn't encrypted for this key */
export function decryptField(text: string, privateKey: KeyLike): string {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const options = { key: privateKey as string, padding, oaepHash: "sha1" };
  return privateDecrypt(options, Buffer.from(text, "base64")).toString();
}

function algorithmFor(key: string): "aes-128-gcm" | "aes-256-gcm" {
  return Buffer.byteLength(key) === 16 ? "aes-128-gcm" : "aes-256-gcm";
}
