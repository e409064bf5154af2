/**
 * Callbacks (documentation: "支付成功回调通知", "退款结果回调通知"): from headers and bytes to what is known for
 * certain. The order of the checks is the point: nothing is parsed before its signature holds, nothing is
 * believed before its encryption holds, and nothing of another merchant's is let in.
 */
import { z } from "zod";
import type { Notice } from "../billing/order/inbox.ts";
import type { Merchant } from "./options.ts";
import { SealBroken, unseal } from "./sealing.ts";
import type { CheckSignature, HeaderReader, SignatureFault } from "./signature.ts";
import { parseJson, readRefundNotice, readTrade, type Owner } from "./trade-schema.ts";

/** Not from WeChat Pay, or not for us: it changes nothing, and the sender hears a 4xx. */
export interface Rejected {
  readonly kind: "rejected";
  readonly why: RejectReason;
}

export type RejectReason =
  | SignatureFault
  /** Signed, and no callback by its form. */
  | "body"
  | "algorithm"
  /** Signed, and not encrypted with our APIv3 key: it was changed on the merchant platform. */
  | "decryption"
  /** Signed and encrypted, and its content is not what the documentation says. */
  | "schema"
  /** Signed and encrypted for us, about another merchant or app. */
  | "other-merchant";

/** Headers by lower-case name with all their values: `headersDistinct` of node:http. */
export type NoticeHeaders = Readonly<Record<string, readonly string[] | undefined>>;

export type OpenNotice = (headers: NoticeHeaders, rawBody: Uint8Array) => Promise<Notice | Rejected>;

const envelope = z.object({
  id: z.string().min(1).max(64),
  event_type: z.string().min(1).max(64),
  resource: z.object({
    original_type: z.string().max(64).nullish(),
    algorithm: z.string().max(64),
    ciphertext: z.string(),
    associated_data: z.string().max(64).nullish(),
    nonce: z.string().max(64),
  }),
});

export interface NoticeOpenerOptions {
  readonly merchant: Pick<Merchant, "appid" | "mchid" | "apiV3Keys">;
  readonly check: CheckSignature;
}

export function createNoticeOpener({ merchant, check }: NoticeOpenerOptions): OpenNotice {
  return async (headers, rawBody) => {
    const read: HeaderReader = (name) => headers[name] ?? [];
    const fault = await check(read, rawBody);
    return fault === undefined ? openBody(merchant, rawBody) : rejected(fault);
  };
}

function openBody(merchant: NoticeOpenerOptions["merchant"], rawBody: Uint8Array): Notice | Rejected {
  const { data } = envelope.safeParse(parseJson(rawBody));
  if (data === undefined) return rejected("body");
  const { id: noticeId, event_type: eventType, resource } = data;
  if (resource.algorithm !== "AEAD_AES_256_GCM") return rejected("algorithm");
  const { ciphertext, nonce } = resource;
  let plain: Buffer;
  try {
    plain = unseal(merchant.apiV3Keys, {
      ciphertext,
      nonce,
      associatedData: resource.associated_data ?? "",
    });
  } catch (error) {
    if (error instanceof SealBroken) return rejected("decryption");
    throw error;
  }
  const content = parseJson(plain);
  if (typeof content !== "object" || content === null) return rejected("schema");
  if (namesAnother(merchant, content)) return rejected("other-merchant");
  return understood(noticeId, eventType, resource.original_type ?? null, content);
}

function understood(
  noticeId: string,
  eventType: string,
  originalType: string | null,
  content: object,
): Notice | Rejected {
  const strange: Notice = { kind: "strange", noticeId, eventType };
  if (eventType === "TRANSACTION.SUCCESS" && originalType === "transaction") {
    const read = readTrade(content);
    return read ? { kind: "payment", noticeId, trade: read.trade } : rejected("schema");
  }
  const status = REFUND_EVENTS.get(eventType);
  if (status !== undefined && originalType === "refund") {
    const read = readRefundNotice(content);
    if (read === undefined) return rejected("schema");
    // An event that contradicts its own content is told to nobody but a person.
    return read.refund.status === status ? { kind: "refund", noticeId, refund: read.refund } : strange;
  }
  return strange;
}

const REFUND_EVENTS: ReadonlyMap<string, string> = new Map([
  ["REFUND.SUCCESS", "SUCCESS"],
  ["REFUND.ABNORMAL", "ABNORMAL"],
  ["REFUND.CLOSED", "CLOSED"],
]);

/** Whoever it names must be us; what names nobody is judged by its schema. */
function namesAnother({ appid, mchid }: Owner, content: object): boolean {
  const named = content as { readonly appid?: unknown; readonly mchid?: unknown };
  if (named.mchid !== undefined && named.mchid !== mchid) return true;
  return named.appid !== undefined && named.appid !== appid;
}

function rejected(why: RejectReason): Rejected {
  return { kind: "rejected", why };
}
