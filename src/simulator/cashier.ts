/** What the payer does: scan, stand at the cashier, pay or leave. */
import type { CallbackSender } from "./callback-sender.ts";
import type { SimulatedClock } from "./clock.ts";
import { feeFen, type Ledger } from "./ledger.ts";
import { json, transactionOf, type Order } from "./order.ts";
import type { OrderBook } from "./orders.ts";
import type { Random } from "./random.ts";
import { isSignedBy, payMessage } from "./signing.ts";
import { dayOf } from "./time.ts";

export interface Payer {
  readonly openid?: string;
}

export interface PayOptions extends Payer {
  /** What a coupon pays of it; the merchant gets the whole amount. */
  readonly couponFen?: bigint;
  readonly bankType?: string;
}

/** What the payer sees, and what the payment became. */
export interface UserView {
  readonly outTradeNo: string;
  readonly description: string;
  readonly totalFen: bigint;
  readonly openid: string;
  readonly transactionId: string | null;
}

/** Why the cashier turns a payer away. */
export type CashierReason =
  | "UNKNOWN"
  /** A newer code_url has taken the place of this one. */
  | "SUPERSEDED"
  | "EXPIRED"
  | "CLOSED"
  | "PAID"
  /** Somebody else is at the cashier with it. */
  | "LOCKED"
  /** The order is for another payer. */
  | "OPENID"
  /** The parameters that call up the cashier aren't signed by the merchant. */
  | "SIGNATURE";

export class CashierError extends Error {
  readonly reason: CashierReason;

  constructor(reason: CashierReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What a page or an app hands to WeChat to call up the cashier. */
export type PayParameters = Readonly<Record<string, string>>;

interface Parts {
  readonly clock: SimulatedClock;
  readonly random: Random;
  readonly orders: OrderBook;
  readonly ledger: Ledger;
  readonly callbacks: CallbackSender;
}

export class Cashier {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Looks at an order.
   * @param name its code_url, h5_url, prepay_id or out_trade_no
   * @throws CashierError when it can't be paid, or not by this payer
   */
  scan(name: string, payer: Payer = {}): UserView {
    const order = this.#payable(name, payer.openid);
    return view(order, payer.openid ?? order.payerOpenid ?? "");
  }

  /** Goes to the cashier: until the payer pays or leaves nobody else can. */
  begin(name: string, payer: Payer = {}): UserView {
    const order = this.#payable(name, payer.openid);
    const openid = payer.openid ?? order.payerOpenid ?? `o${this.#parts.random.alphanumeric(27)}`;
    order.payerAtCashier = openid;
    return view(order, openid);
  }

  /** The payer at the cashier pays; the callback is on its way. */
  confirm(name: string, options: PayOptions = {}): UserView {
    const { clock, random, orders, callbacks } = this.#parts;
    const order = this.#payable(name, options.openid ?? this.#find(name).payerAtCashier ?? undefined);
    const openid = order.payerAtCashier;
    if (openid === null) throw new CashierError("LOCKED", "nobody is at the cashier with this order");
    const { couponFen = 0n, bankType = "OTHERS" } = options;
    if (couponFen < 0n || couponFen > order.totalFen)
      throw new RangeError("a coupon pays up to the amount");
    const successMs = clock.now();
    const day = dayOf(successMs).replaceAll("-", "");
    const transactionId = `4200${random.digits(6)}${day}${random.digits(10)}`;
    orders.setPaid(order, { transactionId, successMs, openid, bankType, couponFen });
    this.#book(order, transactionId, successMs);
    callbacks.send({
      merchant: order.merchant,
      url: order.notifyUrl,
      eventType: "TRANSACTION.SUCCESS",
      originalType: "transaction",
      summary: "支付成功",
      plaintext: json(transactionOf(order)).toString(),
    });
    return view(order, openid);
  }

  /** The payer leaves the cashier without paying. */
  cancel(name: string): void {
    this.#find(name).payerAtCashier = null;
  }

  /** The bank refuses; the order stays unpaid, and WeChat Pay tells the merchant nothing. */
  fail(name: string): void {
    this.cancel(name);
  }

  /** Scans and pays at once. */
  pay(name: string, options: PayOptions = {}): UserView {
    this.begin(name, options);
    return this.confirm(name, options);
  }

  /**
   * Calls up the cashier with the parameters of a JSAPI page, a mini program or an app, whose
   * signature must be the merchant's.
   * @returns the prepay_id, to be paid with
   */
  invoke(parameters: PayParameters): string {
    const appId = parameters["appId"] ?? parameters["appid"] ?? "";
    const timestamp = parameters["timeStamp"] ?? parameters["timestamp"] ?? "";
    const nonce = parameters["nonceStr"] ?? parameters["noncestr"] ?? "";
    const signature = parameters["paySign"] ?? parameters["sign"] ?? "";
    const isJsapi = parameters["paySign"] !== undefined;
    const prepayId = isJsapi
      ? (parameters["package"] ?? "").replace(/^prepay_id=/, "")
      : (parameters["prepayId"] ?? parameters["prepayid"] ?? "");
    const order = this.#payable(prepayId, undefined);
    const last = isJsapi ? `prepay_id=${prepayId}` : prepayId;
    const message = payMessage(appId, timestamp, nonce, last);
    const complete = isJsapi
      ? parameters["signType"] === "RSA" && parameters["package"] === last
      : (parameters["package"] ?? parameters["packageValue"]) === "Sign=WXPay" &&
        (parameters["partnerId"] ?? parameters["partnerid"]) === order.merchant.mchid;
    if (!complete || appId !== order.appid || !isSignedBy(message, signature, order.merchant.publicKey)) {
      throw new CashierError("SIGNATURE", "支付验证签名失败");
    }
    return prepayId;
  }

  #find(name: string): Order {
    const order = this.#parts.orders.find(name);
    if (order === null) throw new CashierError("UNKNOWN", `no order by ${name}`);
    return order;
  }

  #payable(name: string, openid: string | undefined): Order {
    const order = this.#find(name);
    const nowMs = this.#parts.clock.now();
    if (order.payment !== null) throw new CashierError("PAID", "订单已支付");
    if (order.state !== "NOTPAY") throw new CashierError("CLOSED", "订单已关闭");
    const { handle, prepayId, untilMs } = order.prepay;
    const byNumber = name === order.outTradeNo;
    if (!byNumber && name !== handle && name !== prepayId) {
      throw new CashierError("SUPERSEDED", "二维码已失效: the order has a newer one");
    }
    // Who stands at the cashier already has come in time.
    const late = order.payerAtCashier === null && nowMs > untilMs;
    if (late || nowMs > order.expireMs) throw new CashierError("EXPIRED", "订单已过期");
    if (openid !== undefined && order.payerOpenid !== null && openid !== order.payerOpenid) {
      throw new CashierError("OPENID", "下单账号与支付账号不一致");
    }
    if (order.payerAtCashier !== null && order.payerAtCashier !== openid) {
      throw new CashierError("LOCKED", "somebody else is paying this order");
    }
    return order;
  }

  #book(order: Order, transactionId: string, atMs: number): void {
    const { merchant, totalFen, outTradeNo } = order;
    const common = { mchid: merchant.mchid, businessNo: transactionId, voucher: outTradeNo };
    const { ledger } = this.#parts;
    ledger.post({ ...common, name: "交易", amountFen: totalFen, remark: "结算" }, atMs);
    const fee = feeFen(totalFen);
    ledger.post({ ...common, name: "扣除交易手续费", amountFen: -fee, remark: "手续费" }, atMs);
  }
}

function view(order: Order, openid: string): UserView {
  const { outTradeNo, description, totalFen, payment } = order;
  return { outTradeNo, description, totalFen, openid, transactionId: payment?.transactionId ?? null };
}
