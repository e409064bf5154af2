/**
 * Signatures by the Standard Webhooks convention: HMAC-SHA256 over `id.timestamp.body`, in base64 after
 * `v1,`; one for each secret, with blanks between, so that receivers can change theirs while both hold.
 */
import { createHmac } from "node:crypto";

/** How a secret is written: `whsec_` and 24 to 64 bytes in base64. */
const SECRET = /^whsec_([A-Za-z0-9+/]+={0,2})$/;
const SECRET_BYTES_MIN = 24;
const SECRET_BYTES_MAX = 64;

/** The bytes of a written secret; undefined where it isn't one. */
export function parseSecret(text: string): Buffer | undefined {
  const base64 = SECRET.exec(text)?.[1];
  if (base64 === undefined) return undefined;
  const bytes = Buffer.from(base64, "base64");
  const isWhole = bytes.toString("base64") === base64;
  const isFit = bytes.length >= SECRET_BYTES_MIN && bytes.length <= SECRET_BYTES_MAX;
  return isWhole && isFit ? bytes : undefined;
}

export interface SignedContent {
  readonly id: string;
  /** Seconds since 1970, of the attempt. */
  readonly timestamp: number;
  readonly body: string;
}

/** The value of `webhook-signature`. */
export function signatures(secrets: readonly Buffer[], { id, timestamp, body }: SignedContent): string {
  const content = `${id}.${timestamp}.${body}`;
  return secrets
    .map((secret) => `v1,${createHmac("sha256", secret).update(content).digest("base64")}`)
    .join(" ");
}
