/**
 * The port to the payment provider. What it says is verified before it gets here; what it can't say for
 * certain is thrown as a GatewayFault, and then only asking again tells.
 */
import type { Fen } from "../money.ts";

/** How the payer pays: a QR code, inside WeChat, in a phone's browser, in an app. */
export type Channel = "NATIVE" | "JSAPI" | "H5" | "APP";

/** Asks the provider to let somebody pay for an order. */
export interface PrepayRequest {
  readonly channel: Channel;
  /** Our number of the order, 6 to 32 characters of `[0-9A-Za-z_*-]`; the same for every attempt. */
  readonly outTradeNo: string;
  /** What the payer reads; 1 to 127 bytes without commas and back-ticks. */
  readonly description: string;
  readonly amountFen: Fen;
  /** The last moment of payment, in milliseconds since 1970. It can't be changed by a further attempt. */
  readonly expireTimeMs: number;
  /** JSAPI only: who pays. */
  readonly payerOpenid: string | null;
  /** H5 only: the address of the payer's device. */
  readonly clientIp: string | null;
}

/** What the payer's device needs; which fields are set depends on the channel. */
export type Payable =
  | { readonly channel: "NATIVE"; readonly codeUrl: string }
  | { readonly channel: "H5"; readonly h5Url: string }
  | { readonly channel: "JSAPI"; readonly parameters: JsapiParameters }
  | { readonly channel: "APP"; readonly parameters: AppParameters };

/** What `wx.requestPayment` / `WeixinJSBridge` takes, signed with the merchant's key. */
export interface JsapiParameters {
  readonly appId: string;
  readonly timeStamp: string;
  readonly nonceStr: string;
  readonly package: string;
  readonly signType: "RSA";
  readonly paySign: string;
}

/** What the app's SDK takes, signed with the merchant's key. */
export interface AppParameters {
  readonly appid: string;
  readonly partnerid: string;
  readonly prepayid: string;
  readonly package: "Sign=WXPay";
  readonly noncestr: string;
  readonly timestamp: string;
  readonly sign: string;
}

export type PrepayAnswer =
  /** @param validMs how long it can be used, in milliseconds from now */
  | { readonly kind: "ready"; readonly payable: Payable; readonly validMs: number }
  | { readonly kind: "already-paid" }
  | { readonly kind: "closed" }
  /** The number was used with other parameters: a bug of ours, or somebody else's order. */
  | { readonly kind: "conflict"; readonly message: string }
  | Refused;

/** A clear no, which asking again would not change. */
export interface Refused {
  readonly kind: "refused";
  /** The provider's code, such as `APPID_MCHID_NOT_MATCH`. */
  readonly code: string;
  readonly message: string;
}

export type TradeState =
  "SUCCESS" | "REFUND" | "NOTPAY" | "CLOSED" | "REVOKED" | "USERPAYING" | "PAYERROR" | "ACCEPT";

/** An order as the provider has it: from a query, a callback or a bill. */
export interface Trade {
  readonly outTradeNo: string;
  readonly state: TradeState;
  /** The provider's number of the payment; null while it isn't paid. */
  readonly transactionId: string | null;
  /** What the order is about, not what was paid after coupons. Null where the provider does not say (unpaid). */
  readonly totalFen: Fen | null;
  /** What the payer paid after coupons; null where it isn't said. */
  readonly payerTotalFen: Fen | null;
  readonly currency: string | null;
  /** When it was paid, in milliseconds since 1970; null while it isn't. */
  readonly successTimeMs: number | null;
  readonly payerOpenid: string | null;
  readonly tradeType: string | null;
}

export type TradeAnswer =
  | { readonly kind: "trade"; readonly trade: Trade }
  /** The provider has never heard of the number. */
  | { readonly kind: "unknown" }
  | Refused;

export type CloseAnswer =
  | { readonly kind: "closed" }
  | { readonly kind: "already-paid" }
  /** The provider has never heard of the number: nobody can pay it. */
  | { readonly kind: "unknown" }
  | Refused;

/** Asks the provider to pay back. */
export interface RefundRequest {
  /** Our number of the refund, 6 to 64 characters of `[0-9A-Za-z_|*@-]`; the same for every attempt. */
  readonly outRefundNo: string;
  /** The payment, by its number: a doubled payment of one order is a transaction of its own. */
  readonly transactionId: string;
  readonly amountFen: Fen;
  /** The whole amount of the payment. */
  readonly totalFen: Fen;
  /** What the payer reads; at most 80 bytes. */
  readonly reason: string;
}

export type RefundStatus = "PROCESSING" | "SUCCESS" | "CLOSED" | "ABNORMAL";

/** A refund as the provider has it: from its answer, a query or a callback. */
export interface RefundTrade {
  readonly outRefundNo: string;
  readonly outTradeNo: string;
  readonly transactionId: string | null;
  /** The provider's number of the refund. */
  readonly providerRefundId: string;
  readonly status: RefundStatus;
  readonly amountFen: Fen;
  readonly totalFen: Fen;
  readonly successTimeMs: number | null;
}

export type RefundAnswer =
  | { readonly kind: "refund"; readonly refund: RefundTrade }
  /** The merchant's account is short: the same number succeeds once it is filled. */
  | { readonly kind: "not-enough"; readonly message: string }
  /** The provider knows no such payment, or no such refund. */
  | { readonly kind: "unknown"; readonly message: string }
  /** Asked for too often: come back later with the same number. */
  | { readonly kind: "later"; readonly message: string }
  | Refused;

/** How an abnormal refund is to be paid out by hand. */
export interface AbnormalRefundRequest {
  readonly providerRefundId: string;
  readonly outRefundNo: string;
  readonly type: "USER_BANK_CARD" | "MERCHANT_BANK_CARD";
  /** For USER_BANK_CARD; encrypted for the provider before they are sent, and never stored. */
  readonly bankType: string | null;
  readonly bankAccount: string | null;
  readonly realName: string | null;
}

export interface PaymentGateway {
  /**
   * Each may be asked again with the same numbers, and has the same effect once.
   * @param signal gives up waiting; what was sent may still have happened
   * @throws GatewayFault when it is not known what the provider did
   */
  prepay(request: PrepayRequest, signal?: AbortSignal): Promise<PrepayAnswer>;
  queryTrade(outTradeNo: string, signal?: AbortSignal): Promise<TradeAnswer>;
  closeTrade(outTradeNo: string, signal?: AbortSignal): Promise<CloseAnswer>;
  refund(request: RefundRequest, signal?: AbortSignal): Promise<RefundAnswer>;
  queryRefund(outRefundNo: string, signal?: AbortSignal): Promise<RefundAnswer>;
  applyAbnormalRefund(request: AbnormalRefundRequest, signal?: AbortSignal): Promise<RefundAnswer>;
}

/**
 * Nobody knows what the provider did: no answer, an answer that can't be trusted, or one that says
 * "try again". The same request may be sent again.
 */
export class GatewayFault extends Error {
  override readonly name = "GatewayFault";
  readonly kind: GatewayFaultKind;

  constructor(kind: GatewayFaultKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

export type GatewayFaultKind =
  /** No connection, or it broke. */
  | "unreachable"
  | "timeout"
  /** An answer without a valid signature, or that can't be read. */
  | "untrusted"
  /** 5xx, or a code that says "the same again". */
  | "provider-error"
  /** 429. */
  | "rate-limited"
  /** 401: our key, certificate number or clock is wrong. */
  | "unauthorized";
