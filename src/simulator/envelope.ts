/** A callback as it goes over the wire: an encrypted resource in a signed envelope. */
import type { KeyObject } from "node:crypto";
import { seal } from "./sealing.ts";
import { responseMessage, SCHEME, signMessage } from "./signing.ts";
import { rfc3339, SECOND_MS } from "./time.ts";

export interface EnvelopeOptions {
  readonly id: string;
  readonly createMs: number;
  readonly eventType: string;
  readonly originalType: string;
  readonly summary: string;
  /** The JSON that the merchant reads after decryption. */
  readonly plaintext: string;
  readonly apiV3Key: string;
  /** 12 characters. */
  readonly nonce: string;
  /** The original type unless given; may be empty. */
  readonly associatedData?: string;
}

/** The body of a callback. */
export function buildEnvelope(options: EnvelopeOptions): Buffer {
  const { originalType, nonce, associatedData = originalType } = options;
  const ciphertext = seal(options.apiV3Key, nonce, associatedData, Buffer.from(options.plaintext));
  const resource = {
    original_type: originalType,
    algorithm: "AEAD_AES_256_GCM",
    ciphertext,
    associated_data: associatedData,
    nonce,
  };
  const envelope = {
    id: options.id,
    create_time: rfc3339(options.createMs),
    resource_type: "encrypt-resource",
    event_type: options.eventType,
    summary: options.summary,
    resource,
  };
  return Buffer.from(JSON.stringify(envelope));
}

/** A key by the name that the header `Wechatpay-Serial` gives it. */
export interface NamedKey {
  readonly id: string;
  readonly privateKey: KeyObject;
}

/** The five headers by which WeChat Pay vouches for a body, of an answer or of a callback. */
export function signatureHeaders(
  key: NamedKey,
  body: Buffer,
  atMs: number,
  nonce: string,
): Record<string, string> {
  const timestamp = String(Math.floor(atMs / SECOND_MS));
  return {
    "Wechatpay-Timestamp": timestamp,
    "Wechatpay-Nonce": nonce,
    "Wechatpay-Signature": signMessage(responseMessage(timestamp, nonce, body), key.privateKey),
    "Wechatpay-Serial": key.id,
    "Wechatpay-Signature-Type": SCHEME,
  };
}
