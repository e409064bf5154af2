/** Applications for bills, and their download. */
import { COLUMNS, printBill, summaryOf, type Bill, type BillKind, type BillRow } from "./bill-layout.ts";
import {
  compress,
  spoilBill,
  spoilFile,
  spoilRows,
  zipBomb,
  type BillFault,
} from "./bill-faults.ts";
import { fundRows, tradeRows } from "./bill-rows.ts";
import type { SimulatedClock } from "./clock.ts";
import type { Ledger } from "./ledger.ts";
import type { Merchant } from "./merchant.ts";
import type { OrderBook } from "./orders.ts";
import type { Random } from "./random.ts";
import { ApiError, invalidRequest, paramError } from "./refusal.ts";
import type { RefundBook } from "./refunds.ts";
import type { Answer } from "./answer.ts";
import type { Settings } from "./settings.ts";
import { sha1Hex } from "./signing.ts";
import { dayOf, DAY_MS, dayStartMs, HOUR_MS, MINUTE_MS } from "./time.ts";

const TOKEN_LIFE_MS = 5 * MINUTE_MS;
/** Bills of a day can be had from ten o'clock of the next one. */
const READY_MS = DAY_MS + 10 * HOUR_MS;
const MONTHS_BACK = 3;
const OFFICIAL_HOST = "https://api.mch.weixin.qq.com";

interface Download {
  readonly mchid: string;
  readonly untilMs: number;
  readonly bytes: Buffer;
  readonly isCompressed: boolean;
}

interface Parts {
  readonly clock: SimulatedClock;
  readonly random: Random;
  readonly settings: Settings;
  readonly orders: OrderBook;
  readonly refunds: RefundBook;
  readonly ledger: Ledger;
  /** Where the simulator listens. */
  readonly url: () => string;
}

export class BillOffice {
  readonly #parts: Parts;
  readonly #downloads = new Map<string, Download>();
  #faults: BillFault[] = [];

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The next bills that are applied for are wrong in this way. */
  corrupt(fault: BillFault, times = 1): void {
    if (fault === "zip-bomb") zipBomb();
    this.#faults.push(...Array.from({ length: times }, () => fault));
  }

  /** @throws ApiError */
  applyTrade(merchant: Merchant, query: URLSearchParams): unknown {
    const kind = choice(query, "bill_type", ["ALL", "SUCCESS", "REFUND"]) as Exclude<BillKind, "FUND">;
    const day = this.#dayOf(query);
    const { orders, refunds } = this.#parts;
    const own = orders.all().filter((order) => order.merchant === merchant);
    const back = refunds.all().filter((refund) => refund.order.merchant === merchant);
    return this.#offer(merchant, query, kind, tradeRows(kind, day, own, back));
  }

  /** @throws ApiError */
  applyFund(merchant: Merchant, query: URLSearchParams): unknown {
    const account = choice(query, "account_type", ["BASIC", "OPERATION", "FEES"]);
    const day = this.#dayOf(query);
    const own = this.#parts.ledger.entries.filter(({ mchid }) => mchid === merchant.mchid);
    // All money of this simulator is in the basic account.
    const rows = account === "BASIC" ? fundRows(day, own) : [];
    return this.#offer(merchant, query, "FUND", rows);
  }

  /** @throws ApiError */
  download(merchant: Merchant, query: URLSearchParams): Answer {
    const found = this.#downloads.get(query.get("token") ?? "");
    if (found === undefined || found.untilMs <= this.#parts.clock.now()) {
      throw invalidRequest("token无效或已过期，请重新申请账单");
    }
    if (found.mchid !== merchant.mchid) throw new ApiError(403, "NO_AUTH", "下载者与申请者不一致");
    const contentType = found.isCompressed ? "application/x-gzip" : "text/plain";
    return { status: 200, body: found.bytes, contentType, isSigned: false };
  }

  #dayOf(query: URLSearchParams): string {
    const day = query.get("bill_date") ?? "";
    const startMs = dayStartMs(day);
    if (startMs === null) throw paramError("/bill_date", day, "应为YYYY-MM-DD格式的日期", "query");
    const nowMs = this.#parts.clock.now();
    if (day > dayOf(nowMs)) throw invalidRequest("账单日期不能晚于当前日期");
    if (day < monthsBack(dayOf(nowMs))) throw invalidRequest("仅支持三个月内的账单下载申请");
    if (nowMs < startMs + READY_MS) throw new ApiError(400, "STATEMENT_CREATING", "账单生成中，请稍后再试");
    return day;
  }

  #offer(merchant: Merchant, query: URLSearchParams, kind: BillKind, all: readonly BillRow[]): unknown {
    const { settings, random, clock, url } = this.#parts;
    const isCompressed = choice(query, "tar_type", ["", "GZIP"]) === "GZIP";
    if (all.length === 0) {
      throw new ApiError(settings.noStatementStatus, "NO_STATEMENT_EXIST", "请求的账单文件不存在");
    }
    const fault = this.#faults.shift() ?? null;
    const rows = spoilRows(all, fault);
    const summary = summaryOf(kind, rows, settings.summaryNumbers);
    const bill: Bill = spoilBill({ columns: COLUMNS[kind], rows, summary }, fault);
    // What looks odd but is whole has the right hash; what was damaged on its way hasn't.
    const isWhole = fault !== "truncated" && fault !== "flipped-byte";
    const whole = isWhole ? spoilFile(printBill(bill), fault) : printBill(bill);
    const file = isWhole ? whole : spoilFile(whole, fault);
    const bytes = isCompressed ? compress(file, fault) : file;
    const hash = sha1Hex(fault === "hash-of-compressed" ? bytes : whole);
    const nowMs = clock.now();
    for (const [token, { untilMs }] of this.#downloads) if (untilMs <= nowMs) this.#downloads.delete(token);
    const token = random.alphanumeric(64);
    const untilMs = nowMs + TOKEN_LIFE_MS;
    this.#downloads.set(token, { mchid: merchant.mchid, untilMs, bytes, isCompressed });
    const host = settings.downloadHost === "official" ? OFFICIAL_HOST : url();
    const address = `${host}/v3/billdownload/file?token=${token}${isCompressed ? "&tartype=gzip" : ""}`;
    const told = fault === "wrong-hash" ? sha1Hex(Buffer.from(hash)) : hash;
    return { hash_type: "SHA1", hash_value: told, download_url: address };
  }
}

/** A parameter that is one of some words; the first of them unless given. */
function choice(query: URLSearchParams, name: string, words: readonly string[]): string {
  const word = query.get(name) ?? words[0] ?? "";
  if (!words.includes(word)) throw paramError(`/${name}`, word, `应为${words.join("、")}之一`, "query");
  return word;
}

/** The same day three months ago, or the first day after it where that month is shorter. */
function monthsBack(day: string): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCMonth(date.getUTCMonth() - MONTHS_BACK);
  return date.toISOString().slice(0, 10);
}
