/** Composes one delivery of a callback, spoilt where a test asks for it. */
import { createPrivateKey } from "node:crypto";
import type { CorruptLayer } from "./callback-faults.ts";
import { buildEnvelope, signatureHeaders, type NamedKey } from "./envelope.ts";
import type { KeyRing } from "./keys.ts";
import type { Merchant } from "./merchant.ts";
import type { Random } from "./random.ts";
import { MINUTE_MS } from "./time.ts";

export interface CallbackEvent {
  readonly merchant: Merchant;
  readonly url: string;
  /** Stays the same over all deliveries. */
  readonly id: string;
  readonly createMs: number;
  readonly eventType: string;
  readonly originalType: "transaction" | "refund";
  readonly summary: string;
  readonly plaintext: string;
}

export interface Spoiling {
  readonly layer: CorruptLayer | null;
  readonly probe: boolean;
  readonly otherMerchant: boolean;
  readonly unknownEvent: boolean;
  readonly emptyAssociatedData: boolean;
}

export const UNSPOILT: Spoiling = {
  layer: null,
  probe: false,
  otherMerchant: false,
  unknownEvent: false,
  emptyAssociatedData: false,
};

export interface Message {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

interface Parts {
  readonly keys: KeyRing;
  readonly random: Random;
}

/** Probes have this instead of a signature; nothing of it verifies. */
const PROBE_PREFIX = "WECHATPAY/SIGNTEST/";
const STALE_MS = 6 * MINUTE_MS;
const TAG_BYTES = 16;

export function composeCallback(
  parts: Parts,
  event: CallbackEvent,
  spoiling: Spoiling,
  nowMs: number,
): Message {
  const { keys, random } = parts;
  const { layer } = spoiling;
  const right = keys.forCallback(nowMs);
  const signer = layer === "merchant-signed" ? ownKey(event.merchant) : right;
  let body = spoilEnvelope(envelopeOf(random, event, spoiling), layer);
  const signedMs = layer === "timestamp" ? nowMs - STALE_MS : nowMs;
  const headers = signatureHeaders(signer, body, signedMs, random.alphanumeric(32));
  const signature = headers["Wechatpay-Signature"] ?? "";
  if (spoiling.probe) headers["Wechatpay-Signature"] = `${PROBE_PREFIX}${random.alphanumeric(325)}`;
  if (layer === "signature") headers["Wechatpay-Signature"] = flipped(signature);
  if (layer === "signature-text") headers["Wechatpay-Signature"] = "no base64 at all!";
  if (layer === "serial") headers["Wechatpay-Serial"] = keys.other(right, nowMs).id;
  if (layer === "unknown-serial") headers["Wechatpay-Serial"] = random.hex(40).toUpperCase();
  if (layer === "body") body = Buffer.concat([body, Buffer.from("\n")]);
  return { headers: { "Content-Type": "application/json", Accept: "*/*", ...headers }, body };
}

function envelopeOf(random: Random, event: CallbackEvent, spoiling: Spoiling): Buffer {
  const { merchant } = event;
  const { layer } = spoiling;
  const told = spoiling.otherMerchant ? ofOtherMerchant(event.plaintext, random) : event.plaintext;
  return buildEnvelope({
    id: event.id,
    createMs: event.createMs,
    eventType: spoiling.unknownEvent ? "TRANSACTION.UNHEARD_OF" : event.eventType,
    originalType: event.originalType,
    summary: event.summary,
    plaintext: layer === "plaintext" ? "this is no JSON" : told,
    apiV3Key: layer === "api-key" ? random.alphanumeric(32) : merchant.apiV3Key,
    nonce: random.alphanumeric(12),
    ...(spoiling.emptyAssociatedData ? { associatedData: "" } : {}),
  });
}

function ofOtherMerchant(plaintext: string, random: Random): string {
  const value = JSON.parse(plaintext) as Record<string, unknown>;
  value["mchid"] = `18${random.digits(8)}`;
  if ("appid" in value) value["appid"] = `wx${random.hex(16)}`;
  return JSON.stringify(value);
}

/** Spoils what is in the envelope, before it is signed. */
function spoilEnvelope(body: Buffer, layer: CorruptLayer | null): Buffer {
  if (layer === "json") return body.subarray(0, body.length >> 1);
  const envelope = JSON.parse(body.toString()) as { resource: Record<string, string> };
  const { resource } = envelope;
  const sealed = Buffer.from(resource["ciphertext"] ?? "", "base64");
  if (layer === "ciphertext") resource["ciphertext"] = withFlip(sealed, 0);
  else if (layer === "tag") resource["ciphertext"] = withFlip(sealed, sealed.length - 1);
  else if (layer === "short-tag") {
    resource["ciphertext"] = sealed.subarray(0, 4 - TAG_BYTES).toString("base64");
  } else if (layer === "associated-data") resource["associated_data"] = "certificate";
  else if (layer === "nonce") resource["nonce"] = (resource["nonce"] ?? "").split("").reverse().join("");
  else if (layer === "algorithm") resource["algorithm"] = "AEAD_SM4_GCM";
  else return body;
  return Buffer.from(JSON.stringify(envelope));
}

function ownKey(merchant: Merchant): NamedKey {
  return { id: merchant.serial, privateKey: createPrivateKey(merchant.privateKeyPem) };
}

/** The same base64 text of a signature with one bit the other way. */
export function flipped(signature: string): string {
  return withFlip(Buffer.from(signature, "base64"), 0);
}

function withFlip(bytes: Buffer, at: number): string {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy.toString("base64");
}
