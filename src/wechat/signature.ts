/**
 * Signatures of WeChat Pay on answers and callbacks (documentation: "如何验证签名"): RSASSA-PKCS1-v1_5 with SHA-256
 * over timestamp, nonce and the bytes of the body, each ended by a line feed.
 */
import { verify, type KeyObject } from "node:crypto";
import { MINUTE_MS } from "../billing/clock.ts";
import { decodeBase64 } from "./sealing.ts";

/** Every value of a header, by its lower-case name; none when it wasn't sent. */
export type HeaderReader = (name: string) => readonly string[];

export interface SignedHeaders {
  readonly timestamp: string;
  readonly nonce: string;
  readonly serial: string;
  readonly signature: string;
}

export type SignatureFault =
  /** One of the four headers is missing, doubled or malformed. */
  | "headers"
  /** Too old, or from the future: a replay, or a clock is wrong. */
  | "stale"
  /** Not a key of ours, or one that has run out. */
  | "unknown-serial"
  | "signature";

/** A signature is refused when it is this old or older, and this far in the future or farther. */
export const REPLAY_WINDOW_MS = 5 * MINUTE_MS;
/** Seconds of ten digits: from 2001 to 2286. Milliseconds have more. */
const TIMESTAMP = /^[1-9]\d{9}$/;
/** Real ones have 32 characters. A space would be the seam of two headers in one. */
const NONCE = /^[\x21-\x7e]{1,128}$/;
const SERIAL = /^[0-9A-Za-z_]{1,128}$/;
/** Base64 of a signature by a key of 8,192 bits; real ones have a quarter of it. */
const SIGNATURE_LENGTH_MAX = 1_368;

/** The four headers, each there exactly once; undefined when they aren't. */
export function readSignedHeaders(read: HeaderReader): SignedHeaders | undefined {
  const [timestamp, nonce, serial, signature] = NAMES.map((name) => {
    const values = read(name);
    return values.length === 1 ? values[0]! : "";
  }) as [string, string, string, string];
  if (!TIMESTAMP.test(timestamp) || !NONCE.test(nonce) || !SERIAL.test(serial)) return undefined;
  if (signature === "" || signature.length > SIGNATURE_LENGTH_MAX) return undefined;
  return { timestamp, nonce, serial, signature };
}

const NAMES = ["timestamp", "nonce", "serial", "signature"].map((part) => `wechatpay-${part}`);

export function isStale({ timestamp }: SignedHeaders, nowMs: number): boolean {
  return Math.abs(nowMs - Number(timestamp) * 1_000) >= REPLAY_WINDOW_MS;
}

/** Whether the signature is the key's over these bytes. Anything that isn't base64 is a bad signature. */
export function isSigned(headers: SignedHeaders, body: Uint8Array, key: KeyObject): boolean {
  const signature = decodeBase64(headers.signature);
  if (signature === null) return false;
  const { timestamp, nonce } = headers;
  const message = Buffer.concat([Buffer.from(`${timestamp}\n${nonce}\n`), body, Buffer.from("\n")]);
  return verify("sha256", message, key, signature);
}

/** Finds keys by `Wechatpay-Serial`; may go and look for those that it doesn't know. */
export type FindKey = (serial: string) => Promise<KeyObject | undefined> | KeyObject | undefined;

/** `checkSignature` with its keys and its clock. */
export type CheckSignature = (
  read: HeaderReader,
  body: Uint8Array,
) => Promise<SignatureFault | undefined>;

/** Undefined when these bytes were signed by WeChat Pay just now; otherwise why not. */
export async function checkSignature(
  read: HeaderReader,
  body: Uint8Array,
  findKey: FindKey,
  now: () => number,
): Promise<SignatureFault | undefined> {
  const headers = readSignedHeaders(read);
  if (headers === undefined) return "headers";
  if (isStale(headers, now())) return "stale";
  const key = await findKey(headers.serial);
  if (key === undefined) return "unknown-serial";
  return isSigned(headers, body, key) ? undefined : "signature";
}
