/**
 * Sealed columns: AES-256-GCM under a key of a ring, bound to the place where the value stands, so that
 * a sealed value can neither be read, nor changed, nor moved. What must be found is indexed by HMAC-SHA-256.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import type { Sealer } from "./sealer.ts";

export interface SealingKey {
  /** 1 to 16 letters, digits and hyphens; it stands in every value that the key has sealed. */
  readonly id: string;
  /** 32 bytes. */
  readonly key: Buffer;
}

export interface SealingKeys {
  /** What may still be found sealed, the active one among them. */
  readonly keys: readonly SealingKey[];
  /** What seals from now on. */
  readonly activeKeyId: string;
  /** 32 bytes; it never changes, since what is indexed by it couldn't be found again. */
  readonly indexKey: Buffer;
}

const VERSION = "v1";
const KEY_BYTES = 32;
/** NIST SP 800-38D §8.2: 96 bits, random; far fewer than 2^32 values are sealed under one key. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** 128 bits of the HMAC: no two values have the same by chance. */
const INDEX_BYTES = 16;
const KEY_ID = /^[0-9A-Za-z-]{1,16}$/;

/** @throws Error naming what is wrong with the keys, without quoting one */
export function createSealer({ keys, activeKeyId, indexKey }: SealingKeys): Sealer {
  const ring = new Map(keys.map(({ id, key }) => [id, key]));
  if (ring.size !== keys.length) throw new Error("two sealing keys have the same id");
  if (!keys.every(({ id }) => KEY_ID.test(id)))
    throw new Error("a sealing key's id is not 1 to 16 letters, digits and hyphens");
  if (![...ring.values(), indexKey].every(({ length }) => length === KEY_BYTES)) {
    throw new Error(`sealing keys have ${KEY_BYTES} bytes`);
  }
  const active = ring.get(activeKeyId);
  if (active === undefined)
    throw new Error(`the active sealing key ${activeKeyId} is not in the ring`);
  return {
    seal(text, context) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", active, nonce).setAAD(Buffer.from(context));
      const body = Buffer.concat([
        cipher.update(text, "utf8"),
        cipher.final(),
        cipher.getAuthTag(),
      ]);
      return [VERSION, activeKeyId, nonce.toString("base64url"), body.toString("base64url")].join(
        ".",
      );
    },
    open(sealed, context) {
      const { keyId, nonce, body } = partsOf(sealed, context);
      const key = ring.get(keyId);
      if (key === undefined)
        throw new Error(`${context} is sealed by the key ${keyId}, which is not in the ring`);
      const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(context)).setAuthTag(body.subarray(-TAG_BYTES));
      try {
        return (
          decipher.update(body.subarray(0, -TAG_BYTES), undefined, "utf8") + decipher.final("utf8")
        );
      } catch {
        throw new Error(`${context} was changed or moved since it was sealed`);
      }
    },
    index: (text, purpose) =>
      createHmac("sha256", indexKey)
        .update(`${purpose}\0${text}`)
        .digest()
        .subarray(0, INDEX_BYTES)
        .toString("base64url"),
  };
}

/** The id of the key that a value is sealed by. @throws Error when it isn't a sealed value */
export function keyIdOf(sealed: string): string {
  return partsOf(sealed, "this").keyId;
}

function partsOf(sealed: string, context: string) {
  const [version, keyId, nonceText, bodyText, ...rest] = sealed.split(".");
  const nonce = Buffer.from(nonceText ?? "", "base64url");
  const body = Buffer.from(bodyText ?? "", "base64url");
  const isOurs = version === VERSION && keyId !== undefined && rest.length === 0;
  // Base64 has several spellings of the same bytes: only the one that is written counts.
  const isPlain =
    nonce.toString("base64url") === nonceText && body.toString("base64url") === bodyText;
  if (!isOurs || !isPlain || nonce.length !== NONCE_BYTES || body.length < TAG_BYTES) {
    throw new Error(`${context} is not a sealed value`);
  }
  return { keyId, nonce, body };
}
