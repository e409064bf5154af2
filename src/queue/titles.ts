/** What events are called in a chat. */
import type { EventType } from "../billing/event-types.ts";

const ALL: Readonly<Record<EventType, string>> = {
  "order.created": "新订单",
  "order.paid": "订单已支付",
  "order.closed": "订单已关闭",
  "payment.quarantined": "收到无法入账的付款，需人工处理",
  "payment.returned": "付款已原路退回",
  "refund.requested": "已申请退款",
  "refund.processing": "退款处理中",
  "refund.succeeded": "退款成功",
  "refund.abnormal": "退款异常，需人工处理",
  "refund.closed": "退款已关闭",
  "refund.contradicted": "退款结果前后矛盾，需人工核对",
  "refund.obstructed": "退款受阻，需人工处理",
  "campaign.redeemed": "活动额度已领取",
  "bill.finding": "账单与账本不一致",
  "alert.raised": "告警",
  "alert.resolved": "告警已解除",
  "report.weekly": "每周财务健康报告",
  "ledger.broken": "账本复算不平，需立即处理",
  "membership.registered": "新用户注册",
  "membership.activated": "会员已生效",
  "membership.renewed": "会员已续期",
  "membership.expiring": "会员即将到期",
  "membership.lapsed": "会员已到期",
  "membership.shortened": "会员期限已缩短",
  "membership.restored": "会员期限已恢复",
  "membership.suspended": "用户已停用",
  "membership.resumed": "用户已恢复",
};

/** By type; an event of an older version of this service may have one that isn't there any more. */
export const TITLES: Readonly<Partial<Record<string, string>>> = ALL;
