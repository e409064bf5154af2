/** Orders of all merchants: creation with its rules for repeated requests, queries, closing. */
import type { SimulatedClock } from "./clock.ts";
import type { Merchant } from "./merchant.ts";
import type { Order, Payment, Prepay, Product, TradeState } from "./order.ts";
import { fingerprintOf, type OrderRequest } from "./order-request.ts";
import type { Random } from "./random.ts";
import { ApiError, invalidRequest } from "./refusal.ts";
import type { Settings } from "./settings.ts";
import { compactTime, DAY_MS, HOUR_MS, MINUTE_MS, parseRfc3339 } from "./time.ts";

const PREPAY_LIFE_MS = 2 * HOUR_MS;
const H5_LIFE_MS = 5 * MINUTE_MS;
/** Without `time_expire` an order can be paid for a week; then an unpaid one is closed. */
const ORDER_LIFE_MS = 7 * DAY_MS;
const EXPIRE_MIN_MS = MINUTE_MS;
const EXPIRE_MAX_MS = 90 * DAY_MS;

interface Parts {
  readonly clock: SimulatedClock;
  readonly random: Random;
  readonly settings: Settings;
}

export class OrderBook {
  readonly #parts: Parts;
  readonly #orders = new Map<string, Order>();
  readonly #byTransaction = new Map<string, Order>();
  /** Also by handles that no longer lead to the cashier, so that the user hears why. */
  readonly #byHandle = new Map<string, Order>();
  /** Numbers that were closed before they were created. */
  readonly #burnt = new Set<string>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** @throws ApiError unless it is new, or unpaid and asked for with the same parameters again */
  create(merchant: Merchant, product: Product, request: OrderRequest): Order {
    const fingerprint = `${product}${fingerprintOf(request)}`;
    const key = keyOf(merchant.mchid, request.out_trade_no);
    if (this.#burnt.has(key)) throw invalidRequest("请求重入时，参数与首次请求时不一致", 268_498_688);
    const nowMs = this.#parts.clock.now();
    const found = this.#orders.get(key);
    if (found !== undefined) {
      assertReusable(found, fingerprint, nowMs);
      found.prepay = this.#prepay(found.product, nowMs);
      this.#byHandle.set(found.prepay.handle, found).set(found.prepay.prepayId, found);
      return found;
    }
    if (request.appid !== merchant.appid) {
      throw new ApiError(400, "APPID_MCHID_NOT_MATCH", "商户号mchid与appid不匹配");
    }
    const order: Order = {
      merchant,
      appid: request.appid,
      product,
      outTradeNo: request.out_trade_no,
      description: request.description,
      attach: request.attach ?? "",
      deviceId: request.scene_info?.device_id ?? null,
      notifyUrl: request.notify_url,
      totalFen: request.amount.total,
      payerOpenid: request.payer?.openid ?? null,
      fingerprint,
      createMs: nowMs,
      expireMs: expiryOf(request.time_expire, nowMs),
      prepay: this.#prepay(product, nowMs),
      state: "NOTPAY",
      payerAtCashier: null,
      payment: null,
    };
    this.#orders.set(key, order);
    this.#byHandle.set(order.prepay.handle, order).set(order.prepay.prepayId, order);
    this.#closeWhenForgotten(order);
    return order;
  }

  /** @throws ApiError ORDER_NOT_EXIST */
  get(mchid: string, outTradeNo: string): Order {
    const order = this.#orders.get(keyOf(mchid, outTradeNo));
    if (order === undefined) throw new ApiError(404, "ORDER_NOT_EXIST", "订单不存在");
    return order;
  }

  /** @throws ApiError ORDER_NOT_EXIST, or INVALID_REQUEST when it belongs to another merchant */
  getByTransaction(mchid: string, transactionId: string): Order {
    const order = this.#byTransaction.get(transactionId);
    if (order === undefined) throw new ApiError(404, "ORDER_NOT_EXIST", "订单不存在");
    if (order.merchant.mchid !== mchid) throw invalidRequest("商户号和订单不匹配", 268_447_843);
    return order;
  }

  /** Any merchant's order by its number, code_url, h5_url or prepay_id. */
  find(name: string): Order | null {
    return this.#byHandle.get(name) ?? this.all().find(({ outTradeNo }) => outTradeNo === name) ?? null;
  }

  all(): Order[] {
    return [...this.#orders.values()];
  }

  /** @throws ApiError ORDER_PAID, or ORDER_NOT_EXIST where the settings say so */
  close(mchid: string, outTradeNo: string): void {
    const key = keyOf(mchid, outTradeNo);
    const order = this.#orders.get(key);
    if (order === undefined) {
      if (this.#parts.settings.closeUnknown === "not-found") {
        throw new ApiError(404, "ORDER_NOT_EXIST", "订单不存在");
      }
      this.#burnt.add(key);
      return;
    }
    if (order.payment !== null) throw new ApiError(400, "ORDER_PAID", "订单已支付", undefined, 268_449_538);
    order.state = "CLOSED";
    order.payerAtCashier = null;
  }

  setPaid(order: Order, payment: Payment): void {
    order.payment = payment;
    order.state = "SUCCESS";
    order.payerAtCashier = null;
    this.#byTransaction.set(payment.transactionId, order);
  }

  /** Puts an order into a state that these products don't reach by themselves. */
  force(outTradeNo: string, state: TradeState): void {
    const order = this.find(outTradeNo);
    if (order === null) throw new RangeError(`no order ${outTradeNo}`);
    order.state = state;
  }

  #prepay(product: Product, nowMs: number): Prepay {
    const { random } = this.#parts;
    const prepayId = `wx${compactTime(nowMs)}${random.hex(20)}`;
    if (product === "native") {
      const handle = `weixin://wxpay/bizpayurl?pr=${random.alphanumeric(9)}`;
      return { prepayId, handle, untilMs: nowMs + PREPAY_LIFE_MS };
    }
    if (product !== "h5") return { prepayId, handle: prepayId, untilMs: nowMs + PREPAY_LIFE_MS };
    const query = `prepay_id=${prepayId}&package=${random.digits(10)}`;
    const handle = `https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?${query}`;
    return { prepayId, handle, untilMs: nowMs + H5_LIFE_MS };
  }

  #closeWhenForgotten(order: Order): void {
    const atMs = Math.max(order.createMs + ORDER_LIFE_MS, order.expireMs);
    this.#parts.clock.at(atMs, () => {
      if (order.state === "NOTPAY") order.state = "CLOSED";
    });
  }
}

function assertReusable(order: Order, fingerprint: string, nowMs: number): void {
  if (order.payment !== null) throw new ApiError(400, "ORDERPAID", "该订单已支付", undefined, 268_449_538);
  if (order.state !== "NOTPAY" || nowMs > order.expireMs) {
    throw new ApiError(400, "ORDER_CLOSED", "该订单已失效，请换单号重新发起支付", undefined, 268_447_914);
  }
  if (order.fingerprint !== fingerprint) {
    throw invalidRequest("请求重入时，参数与首次请求时不一致", 268_498_688);
  }
}

function expiryOf(timeExpire: string | undefined, nowMs: number): number {
  const asked = timeExpire === undefined ? null : parseRfc3339(timeExpire);
  if (asked === null) return nowMs + ORDER_LIFE_MS;
  return Math.min(Math.max(asked, nowMs + EXPIRE_MIN_MS), nowMs + EXPIRE_MAX_MS);
}

function keyOf(mchid: string, outTradeNo: string): string {
  return `${mchid}/${outTradeNo}`;
}
