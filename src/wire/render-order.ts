/** Orders, payments and refunds as the contract shows them. */
import type { Payable } from "../billing/order/gateway.ts";
import {
  productVersion,
  type Order,
  type Payment,
  type Prepay,
  type Refund,
  type Step,
} from "../billing/order/order.ts";
import * as wire from "../gen/billing/order/v1/order.ts";

const time = (ms: number | null) => (ms === null ? undefined : new Date(ms));

export function order(shown: Order): wire.Order {
  const { product } = shown;
  return {
    orderId: shown.orderId,
    userId: shown.userId,
    product:
      product.kind === "PLAN"
        ? { $case: "planId", value: product.plan.planId }
        : { $case: "packId", value: product.pack.packId },
    productVersion: productVersion(product),
    quantity: shown.quantity,
    channel: wire.Channel[shown.channel],
    amountFen: shown.amountFen,
    refundedFen: shown.refundedFen,
    state: wire.Order_State[shown.state],
    createTime: time(shown.createTimeMs),
    expireTime: time(shown.expireTimeMs),
    payTime: time(shown.payTimeMs),
    closeTime: time(shown.closeTimeMs),
    grantedAmount: shown.grantedAmount,
    revokedAmount: shown.revokedAmount,
    membershipStartTime: time(shown.membershipStartMs),
    membershipEndTime: time(shown.membershipEndMs),
  };
}

export function paymentParameters({ payable, expireTimeMs }: Prepay): wire.PaymentParameters {
  return { method: methodOf(payable), expireTime: new Date(expireTimeMs) };
}

function methodOf(payable: Payable): wire.PaymentParameters["method"] {
  switch (payable.channel) {
    case "NATIVE":
      return { $case: "codeUrl", value: payable.codeUrl };
    case "H5":
      return { $case: "h5Url", value: payable.h5Url };
    case "JSAPI":
      return { $case: "jsapi", value: payable.parameters };
    case "APP": {
      const { appid, partnerid, prepayid, noncestr, timestamp, sign } = payable.parameters;
      const value = {
        appId: appid,
        partnerId: partnerid,
        prepayId: prepayid,
        package: payable.parameters.package,
        nonceStr: noncestr,
        timestamp,
        sign,
      };
      return { $case: "app", value };
    }
    default:
      return payable satisfies never;
  }
}

export function payment(shown: Payment): wire.Payment {
  const { source } = shown;
  return {
    paymentId: shown.paymentId,
    orderId: shown.orderId,
    transactionId: shown.transactionId,
    amountFen: shown.amountFen,
    currency: shown.currency,
    payTime: new Date(shown.payTimeMs),
    createTime: new Date(shown.createTimeMs),
    disposition: wire.Payment_Disposition[shown.disposition],
    source: source === "CALL" || source === "CLOCK" ? 0 : wire.Payment_Source[source],
    note: shown.note,
  };
}

export function refund(shown: Refund): wire.Refund {
  return {
    refundId: shown.refundId,
    orderId: shown.orderId,
    paymentId: shown.paymentId,
    userId: shown.userId,
    amountFen: shown.amountFen,
    reason: shown.reason,
    state: wire.Refund_State[shown.state],
    revokedAmount: shown.revokedAmount,
    automatic: shown.automatic,
    createTime: new Date(shown.createTimeMs),
    successTime: time(shown.successTimeMs),
    obstacle: shown.obstacle,
  };
}

export function transition(shown: Step): wire.Transition {
  return {
    sequence: shown.sequence,
    fromState: shown.fromState,
    toState: shown.toState,
    source: shown.source,
    actor: shown.actor,
    note: shown.note,
    createTime: new Date(shown.createTimeMs),
  };
}
