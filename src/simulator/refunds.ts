/** Refunds of all merchants: their rules, and how they end. */
import type { CallbackSender } from "./callback-sender.ts";
import type { SimulatedClock } from "./clock.ts";
import { feeFen, type Ledger } from "./ledger.ts";
import type { Merchant } from "./merchant.ts";
import { json, type Order } from "./order.ts";
import { fingerprintOf } from "./order-request.ts";
import type { OrderBook } from "./orders.ts";
import type { Random } from "./random.ts";
import { ApiError, invalidRequest, paramError } from "./refusal.ts";
import { refundNewsOf, statusOf, type Refund, type RefundOutcome } from "./refund.ts";
import type { RefundRequest } from "./refund-request.ts";
import type { Settings } from "./settings.ts";
import { dayOf, DAY_MS, MINUTE_MS } from "./time.ts";

const REFUNDABLE_MS = 365 * DAY_MS;
const REFUNDS_MAX = 50;
const SPACING_MS = MINUTE_MS;
/** Without a script a refund arrives after three seconds. */
const DEFAULT_SCRIPT: Script = { outcome: "SUCCESS", afterMs: 3_000 };

interface Script {
  readonly outcome: RefundOutcome;
  readonly afterMs: number;
}

interface Parts {
  readonly clock: SimulatedClock;
  readonly random: Random;
  readonly settings: Settings;
  readonly orders: OrderBook;
  readonly ledger: Ledger;
  readonly callbacks: CallbackSender;
}

export class RefundBook {
  readonly #parts: Parts;
  readonly #refunds = new Map<string, Refund>();
  readonly #scripts = new Map<string, Script>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** @param outRefundNo of one refund, or "default" for all that have no script of their own */
  script(outRefundNo: string, outcome: RefundOutcome, afterMs = 0): void {
    this.#scripts.set(outRefundNo, { outcome, afterMs });
  }

  all(): Refund[] {
    return [...this.#refunds.values()];
  }

  /** @throws ApiError unless it is new and within the rules, or the same as before */
  create(merchant: Merchant, request: RefundRequest): Refund {
    const { clock, random } = this.#parts;
    const order = this.#paidOrder(merchant, request);
    const fingerprint = fingerprintOf({ ...request, transaction_id: null, out_trade_no: order.outTradeNo });
    const key = keyOf(merchant.mchid, request.out_refund_no);
    const found = this.#refunds.get(key);
    if (found !== undefined) {
      if (found.fingerprint === fingerprint) return found;
      throw invalidRequest("订单金额或退款金额与之前请求不一致，请核实后再试");
    }
    const feeBackFen = this.#assertRefundable(order, request);
    const createMs = clock.now();
    const refund: Refund = {
      order,
      refundId: `50${random.digits(8)}${dayOf(createMs).replaceAll("-", "")}${random.digits(10)}`,
      outRefundNo: request.out_refund_no,
      refundFen: request.amount.refund,
      feeBackFen,
      notifyUrl: request.notify_url ?? merchant.refundNotifyUrl,
      fundsAccount: request.funds_account ?? "UNSETTLED",
      fingerprint,
      createMs,
      history: [{ atMs: createMs, status: "PROCESSING" }],
    };
    this.#refunds.set(key, refund);
    // Any refund, also of a part, and however it ends.
    order.state = "REFUND";
    this.#book(refund, "退款", -1n, createMs);
    this.#settleLater(refund, this.#scriptFor(refund));
    return refund;
  }

  /** @throws ApiError RESOURCE_NOT_EXISTS */
  get(mchid: string, outRefundNo: string): Refund {
    const refund = this.#refunds.get(keyOf(mchid, outRefundNo));
    if (refund === undefined) throw new ApiError(404, "RESOURCE_NOT_EXISTS", "退款单不存在");
    return refund;
  }

  /** Starts a refund anew that couldn't arrive. @throws ApiError */
  applyAbnormal(mchid: string, refundId: string, outRefundNo: string): Refund {
    const refund = this.all().find((each) => each.refundId === refundId);
    if (
      refund === undefined ||
      refund.order.merchant.mchid !== mchid ||
      refund.outRefundNo !== outRefundNo
    ) {
      throw new ApiError(404, "RESOURCE_NOT_EXISTS", "退款单不存在");
    }
    if (statusOf(refund) !== "ABNORMAL") throw invalidRequest("退款单状态不是退款异常，不能发起异常退款");
    refund.history.push({ atMs: this.#parts.clock.now(), status: "PROCESSING" });
    const script = this.#scriptFor(refund);
    this.#settleLater(refund, { outcome: "SUCCESS", afterMs: script.afterMs });
    return refund;
  }

  #scriptFor({ outRefundNo }: Refund): Script {
    return this.#scripts.get(outRefundNo) ?? this.#scripts.get("default") ?? DEFAULT_SCRIPT;
  }

  #paidOrder(merchant: Merchant, request: RefundRequest): Order {
    const { orders } = this.#parts;
    const { out_trade_no: outTradeNo, transaction_id: transactionId } = request;
    let order: Order | null = null;
    try {
      if (transactionId !== undefined) order = orders.getByTransaction(merchant.mchid, transactionId);
      else if (outTradeNo !== undefined) order = orders.get(merchant.mchid, outTradeNo);
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== "ORDER_NOT_EXIST") throw error;
    }
    if (order === null || order.payment === null) {
      throw new ApiError(404, "RESOURCE_NOT_EXISTS", "订单不存在");
    }
    return order;
  }

  /** @returns what of the fee goes back with it */
  #assertRefundable(order: Order, request: RefundRequest): bigint {
    const { clock, settings, ledger } = this.#parts;
    const nowMs = clock.now();
    const { refund, total } = request.amount;
    if (total !== order.totalFen) throw paramError("/amount/total", total, "订单金额不一致");
    if (refund > total) throw paramError("/amount/refund", refund, "退款金额大于订单金额");
    const paidMs = order.payment?.successMs ?? nowMs;
    if (nowMs - paidMs > REFUNDABLE_MS) throw invalidRequest("订单已超过可退款的最大期限");
    const earlier = this.all().filter((each) => each.order === order);
    const standing = earlier.filter((each) => statusOf(each) !== "CLOSED");
    const refundedFen = standing.reduce((sum, each) => sum + each.refundFen, 0n);
    if (refundedFen + refund > order.totalFen) throw invalidRequest("退款总金额大于订单金额");
    if (earlier.length >= REFUNDS_MAX) throw invalidRequest("一笔订单最多支持50次部分退款");
    const lastMs = earlier.at(-1)?.createMs;
    if (settings.refundSpacing && lastMs !== undefined && nowMs - lastMs < SPACING_MS) {
      throw new ApiError(429, "FREQUENCY_LIMITED", "同一订单多次退款请间隔1分钟后再试");
    }
    const restFen = order.totalFen - refundedFen;
    const feeBackFen = feeFen(restFen) - feeFen(restFen - refund);
    if (ledger.balanceFen(order.merchant.mchid) < refund - feeBackFen) {
      throw new ApiError(403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起");
    }
    return feeBackFen;
  }

  #book(refund: Refund, name: "退款" | "退款关闭", sign: 1n | -1n, atMs: number): void {
    const { order, refundFen, feeBackFen } = refund;
    const common = {
      mchid: order.merchant.mchid,
      businessNo: refund.refundId,
      voucher: refund.outRefundNo,
    };
    const amountFen = sign * (refundFen - feeBackFen);
    this.#parts.ledger.post({ ...common, name, amountFen, remark: name }, atMs);
  }

  #settleLater(refund: Refund, { outcome, afterMs }: Script): void {
    const { clock, callbacks } = this.#parts;
    // It happened then, also when the clock has jumped over it.
    const atMs = clock.now() + afterMs;
    clock.at(atMs, () => {
      refund.history.push({ atMs, status: outcome });
      if (outcome === "CLOSED") this.#book(refund, "退款关闭", 1n, atMs);
      if (refund.notifyUrl === null) return;
      callbacks.send({
        merchant: refund.order.merchant,
        url: refund.notifyUrl,
        eventType: `REFUND.${outcome}`,
        originalType: "refund",
        summary: SUMMARIES[outcome],
        plaintext: json(refundNewsOf(refund)).toString(),
      });
    });
  }
}

const SUMMARIES: Readonly<Record<RefundOutcome, string>> = {
  SUCCESS: "退款成功",
  CLOSED: "退款关闭",
  ABNORMAL: "退款异常",
};

function keyOf(mchid: string, outRefundNo: string): string {
  return `${mchid}/${outRefundNo}`;
}
