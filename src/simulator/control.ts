/** The simulator's knobs over HTTP, as JSON, under /_simulator. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { BILL_FAULTS, type BillFault } from "./bill-faults.ts";
import type { CorruptLayer, HowOften } from "./callback-faults.ts";
import { CashierError } from "./cashier.ts";
import { readFault } from "./fault-words.ts";
import type { JournalEntry } from "./journal.ts";
import type { KeyMode } from "./keys.ts";
import { STATE_WORDS, transactionOf, type TradeState } from "./order.ts";
import { refundOf, type RefundOutcome } from "./refund.ts";
import { CORRUPT_LAYERS } from "./callback-faults.ts";
import { SETTING_CHOICES } from "./settings.ts";
import type { Simulator } from "./simulator.ts";
import {
  BadWords,
  count,
  oneOf,
  optionalNumber,
  parse,
  text,
  texts,
  wholeNumber,
  type Words,
} from "./words.ts";

export type Control = (request: IncomingMessage, body: Buffer, response: ServerResponse) => Promise<void>;
type Knob = (simulator: Simulator, words: Words) => unknown;

/** How many entries of the journal one answer has unless it asks for more. */
const JOURNAL_LIMIT = 100;
/** Later times have no four-digit year. */
const TIME_MAX_MS = Date.parse("9999-12-01T00:00:00Z");

const KNOBS: Readonly<Record<string, Knob>> = {
  "GET /": () => ({ knobs: Object.keys(KNOBS) }),
  "GET /merchant": merchant,
  "GET /orders": ({ orders }) => orders.all().map(transactionOf),
  "GET /refunds": ({ refunds }) => refunds.all().map(refundOf),
  "GET /journal": journal,
  "GET /clock": time,
  "POST /clock": moveClock,
  "POST /scan": (simulator, words) => simulator.user.scan(orderName(simulator, words), payer(words)),
  "POST /begin": (simulator, words) => simulator.user.begin(orderName(simulator, words), payer(words)),
  "POST /confirm": (simulator, words) => simulator.user.confirm(orderName(simulator, words), payer(words)),
  "POST /pay": (simulator, words) => simulator.user.pay(orderName(simulator, words), payer(words)),
  "POST /cancel": (simulator, words) => simulator.user.cancel(orderName(simulator, words)),
  "POST /fail": (simulator, words) => simulator.user.fail(orderName(simulator, words)),
  "POST /invoke": ({ user }, words) => ({ prepay_id: user.invoke(texts(words)) }),
  "POST /order-state": ({ orders }, words) =>
    orders.force(
      text(words, "out_trade_no"),
      oneOf(words, "state", Object.keys(STATE_WORDS)) as TradeState,
    ),
  "POST /faults": planFault,
  "POST /callback-faults": planCallbackFault,
  "POST /bill-faults": ({ bills }, words) =>
    bills.corrupt(oneOf(words, "fault", BILL_FAULTS) as BillFault, optionalNumber(words, "times")),
  "POST /faults/clear": ({ faults }) => {
    faults.clear();
    faults.callbacks.clear();
  },
  "POST /refunds/script": scriptRefund,
  "POST /keys": turnKeys,
  "POST /balance": ({ balance }, words) =>
    balance.setFen(BigInt(wholeNumber(words, "fen")), merchantOf(words)),
  "POST /settings": changeSettings,
  "POST /idle": ({ idle }) => idle(),
  "POST /reset": ({ reset }) => reset(),
};

export function createControl(simulator: () => Simulator): Control {
  return async (request, body, response) => {
    const url = new URL(request.url ?? "", "http://simulator");
    const name = `${request.method} ${url.pathname.replace(/^\/_simulator/, "").replace(/\/$/, "") || "/"}`;
    const knob = Object.hasOwn(KNOBS, name) ? KNOBS[name] : undefined;
    // Pages in a browser on this machine shall not turn knobs.
    if (request.headers.origin !== undefined) return answer(response, 403, { error: "not for browsers" });
    if (knob === undefined) {
      return answer(response, 404, { error: `no ${name}`, knobs: Object.keys(KNOBS) });
    }
    try {
      const words = body.length > 0 ? parse(body) : Object.fromEntries(url.searchParams);
      answer(response, 200, (await knob(simulator(), words)) ?? { ok: true });
    } catch (error) {
      const isTheirs = error instanceof BadWords || error instanceof RangeError;
      if (error instanceof CashierError)
        answer(response, 409, { reason: error.reason, error: error.message });
      else if (isTheirs) answer(response, 400, { error: error.message });
      else throw error;
    }
  };
}

/** No private key: whoever needs those reads the files that the program keeps. */
function merchant({ merchant: facts, url }: Simulator): unknown {
  const { privateKeyPem: _key, apiV3Key: _secret, ...told } = facts;
  return { url, ...told };
}

function time({ clock }: Simulator): unknown {
  return { now_ms: clock.now(), now: new Date(clock.now()).toISOString() };
}

async function moveClock(simulator: Simulator, words: Words): Promise<unknown> {
  const { clock } = simulator;
  if (words["freeze"] === true) clock.freeze();
  if (words["resume"] === true) clock.resume();
  const setMs = optionalNumber(words, "set_ms");
  if (setMs !== undefined) clock.set(inTime(setMs));
  const advanceMs = optionalNumber(words, "advance_ms");
  if (advanceMs !== undefined) await clock.advance(inTime(clock.now() + advanceMs) - clock.now());
  return time(simulator);
}

function inTime(ms: number): number {
  if (ms < 0 || ms > TIME_MAX_MS) throw new BadWords("the time must be between the years 1970 and 9999");
  return ms;
}

function journal(simulator: Simulator, words: Words): unknown {
  const limit = Number(words["limit"] ?? JOURNAL_LIMIT);
  return simulator.journal.slice(-limit).map(entryOf);
}

function entryOf(entry: JournalEntry): unknown {
  const readable = (_: string, value: unknown): unknown => {
    const bytes = value as { type?: unknown; data?: unknown } | null;
    return bytes?.type === "Buffer" ? Buffer.from(bytes.data as number[]).toString() : value;
  };
  return JSON.parse(JSON.stringify(entry, readable));
}

function payer(words: Words): { openid?: string; couponFen?: bigint; bankType?: string } {
  const coupon = words["coupon_fen"];
  return {
    ...(words["openid"] === undefined ? {} : { openid: text(words, "openid") }),
    ...(coupon === undefined ? {} : { couponFen: BigInt(wholeNumber(words, "coupon_fen")) }),
    ...(words["bank_type"] === undefined ? {} : { bankType: text(words, "bank_type") }),
  };
}

function planFault({ faults }: Simulator, words: Words): void {
  const match = {
    ...(words["method"] === undefined ? {} : { method: text(words, "method") }),
    ...(words["path"] === undefined ? {} : { path: text(words, "path") }),
  };
  faults.next(match, readFault(words), count(words));
}

function planCallbackFault({ faults: { callbacks } }: Simulator, words: Words): void {
  const how: HowOften = typeof words["chance"] === "number" ? { chance: words["chance"] } : count(words);
  const fault = text(words, "fault");
  if (fault === "corrupt") {
    callbacks.corrupt(oneOf(words, "layer", CORRUPT_LAYERS) as CorruptLayer, how);
  } else if (fault === "delay") callbacks.delay(wholeNumber(words, "ms"));
  else if (fault === "reorder") callbacks.reorder(count(words));
  else {
    const turn = {
      drop: () => callbacks.drop(how),
      duplicate: () => callbacks.duplicate(how),
      "duplicate-concurrently": () => callbacks.duplicateConcurrently(how),
      probe: () => callbacks.probe(how),
      "other-merchant": () => callbacks.otherMerchant(how),
      "unknown-event": () => callbacks.unknownEvent(how),
      "empty-associated-data": () => callbacks.emptyAssociatedData(how),
      "before-prepay-returns": () => callbacks.beforePrepayReturns(how),
    };
    const names = [...Object.keys(turn), "corrupt", "delay", "reorder"];
    if (!Object.hasOwn(turn, fault)) throw new BadWords(`fault must be one of ${names.join(", ")}`);
    turn[fault as keyof typeof turn]();
  }
}

function scriptRefund({ refunds }: Simulator, words: Words): void {
  const outcome = oneOf(words, "outcome", ["SUCCESS", "CLOSED", "ABNORMAL"]) as RefundOutcome;
  const outRefundNo = words["out_refund_no"] === undefined ? "default" : text(words, "out_refund_no");
  refunds.script(outRefundNo, outcome, optionalNumber(words, "after_ms") ?? 0);
}

async function turnKeys({ keys }: Simulator, words: Words): Promise<unknown> {
  if (words["mode"] !== undefined) {
    keys.mode(oneOf(words, "mode", ["certificate", "public-key", "mixed"]) as KeyMode);
  }
  const callbackShare = optionalNumber(words, "callback_public_key_share");
  if (callbackShare !== undefined) keys.callbackPublicKeyShare(callbackShare);
  const newShare = optionalNumber(words, "new_certificate_share");
  if (newShare !== undefined) keys.newCertificateShare(newShare);
  if (words["rotate"] === true) await keys.rotateCertificate();
  if (words["retire"] === true) keys.retireOldCertificates();
  return { signing: keys.signing().map(({ id }) => id) };
}

function changeSettings({ settings }: Simulator, words: Words): unknown {
  for (const [name, value] of Object.entries(words)) {
    const present = Object.hasOwn(settings, name) ? settings[name as keyof typeof settings] : undefined;
    const choices = Object.hasOwn(SETTING_CHOICES, name) ? SETTING_CHOICES[name] : undefined;
    const isChoice = choices === undefined || choices.includes(value);
    if (typeof present !== typeof value || !isChoice) {
      throw new BadWords(
        `no setting ${name} with this value; settings: ${Object.keys(settings).join(", ")}`,
      );
    }
  }
  return Object.assign(settings, words);
}

/** What the words call the order; without such a word the newest that is unpaid. */
function orderName({ orders }: Simulator, words: Words): string {
  const name = words["out_trade_no"] ?? words["code_url"] ?? words["prepay_id"] ?? words["h5_url"];
  if (typeof name === "string") return name;
  const newest = orders.all().findLast(({ state }) => state === "NOTPAY");
  if (newest === undefined) throw new CashierError("UNKNOWN", "there is no unpaid order");
  return newest.outTradeNo;
}

function merchantOf(words: Words): string | undefined {
  return words["mchid"] === undefined ? undefined : text(words, "mchid");
}

function answer(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(
    value,
    (_, item: unknown) => (typeof item === "bigint" ? Number(item) : item),
    2,
  );
  response.writeHead(status, { "Content-Type": "application/json; charset=utf-8" }).end(`${body}\n`);
}
