/**
 * Codes of errors (documentation: "错误码"). Nobody signs an answer with status 4xx or 5xx, so nothing that
 * can't be undone may follow from one alone.
 */
import { GatewayFault, type GatewayFaultKind } from "../billing/order/gateway.ts";

/** What WeChat Pay says when it says no. */
export interface ErrorReply {
  readonly kind: "error";
  readonly status: number;
  /** As it came, for people; compare with `isCode`. */
  readonly code: string;
  readonly message: string;
}

const MESSAGE_LENGTH_MAX = 256;
const CODE = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** Older pages of the documentation print codes without their underscores, and answers have both forms. */
function normal(code: string): string {
  return code.replaceAll("_", "").toUpperCase();
}

/** Whether it is one of these codes; with or without underscores. */
export function isCode(reply: ErrorReply, ...codes: readonly string[]): boolean {
  return codes.some((code) => normal(code) === normal(reply.code));
}

/** Refusals that come as 500 all the same: asking again changes nothing. */
const FINAL_AT_500 = ["OPENID_MISMATCH", "INVALID_TRANSACTIONID"];
/** Failures of theirs at whatever status: "call again with the same parameters". */
const ASK_AGAIN = ["SYSTEM_ERROR", "BANK_ERROR"];

/**
 * The error in an answer with a status outside 2xx, when it is a clear no.
 * @throws GatewayFault for everything after which only asking again tells
 */
export function readError(status: number, body: Buffer): ErrorReply {
  const reply = parsed(status, body);
  const fault = (kind: GatewayFaultKind, what: string) =>
    new GatewayFault(kind, `${what}: ${status} ${reply?.code ?? "without a code"}`);
  if (status === 401) throw fault("unauthorized", `refused our signature${quoted(reply)}`);
  if (status === 429 || (reply && isCode(reply, "FREQUENCY_LIMITED"))) {
    throw fault("rate-limited", "asked too often");
  }
  if (reply && isCode(reply, ...ASK_AGAIN)) throw fault("provider-error", "failed");
  if (status >= 500 && !(reply && isCode(reply, ...FINAL_AT_500))) {
    throw fault("provider-error", "failed");
  }
  // A page of a proxy in between is nobody's decision.
  if (reply === undefined) throw fault("untrusted", "an error that is not WeChat Pay's");
  return reply;
}

/** Why a signature was refused tells of keys and clocks, and only the message says which. */
function quoted(reply: ErrorReply | undefined): string {
  return reply === undefined ? "" : ` ("${reply.message}")`;
}

function parsed(status: number, body: Buffer): ErrorReply | undefined {
  try {
    const { code, message } = JSON.parse(body.toString()) as Record<string, unknown>;
    if (typeof code !== "string" || !CODE.test(code)) return undefined;
    const text = typeof message === "string" ? message.slice(0, MESSAGE_LENGTH_MAX) : "";
    return { kind: "error", status, code, message: text };
  } catch {
    return undefined;
  }
}
