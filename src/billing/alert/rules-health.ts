/** Rules about whether the service does its work: refunds, refusals, callbacks, queues, certificates, bills. */
import { shanghaiDay } from "../calendar.ts";
import { DAY_MS, SECOND_MS } from "../clock.ts";
import type { Backlog, Share } from "./facts.ts";
import { parameter, type AlertRule, type Sighting, type Values } from "./rule.ts";
import { above } from "./rules-use.ts";
import { perMilleOf } from "./statistics.ts";

const seconds = (ms: number) => BigInt(Math.max(0, Math.round(ms / SECOND_MS)));

/** A share is told only of enough cases: one of two is a half and means nothing. */
function tooMany(subject: string, period: string | null, share: Share, values: Values): Sighting[] {
  if (share.whole < values("cases_min")) return [];
  const limit = values("share_per_mille");
  return above(subject, period, perMilleOf(share.part, share.whole), limit);
}

const shareParameters = (share: number, cases: number) => ({
  share_per_mille: parameter(share, 1, 1_000, "share that is usual, in thousandths"),
  cases_min: parameter(cases, 1, 1_000_000, "cases that make a share"),
});

export const REFUND_STORM: AlertRule = {
  ruleId: "AL05",
  severity: "CRITICAL",
  unit: "PER_MILLE",
  title: { en: "Refunds come in a storm", zh: "退款激增" },
  says: {
    en: "Too large a share of a feature's reservations of the last hour was refunded, or of the last day's payments (subject `orders`).",
    zh: "该功能近一小时的预留中退还比例过高；主体为 orders 时，指近一天的支付退款比例过高。",
  },
  remedy: {
    en: "Quota: the pipeline or its vendor fails; failed_step in ListReservations says where. Money: look at the refunds' reasons (ListRefunds).",
    zh: "额度退还：流水线或供应商故障，见 ListReservations 的 failed_step；现金退款：见 ListRefunds 的原因。",
  },
  parameters: {
    ...shareParameters(200, 30),
    orders_share_per_mille: parameter(150, 1, 1_000, "share of payments, in thousandths"),
    orders_min: parameter(20, 1, 1_000_000, "payments that make a share"),
  },
  judge({ nowMs, quotaRefunds, moneyRefunds }, values) {
    if (quotaRefunds === undefined && moneyRefunds === undefined) return undefined;
    const features = (quotaRefunds ?? []).flatMap(({ featureId, ...share }) =>
      tooMany(`feature:${featureId}`, null, share, values),
    );
    const ofOrders: Values = (name) =>
      values(name === "cases_min" ? "orders_min" : "orders_share_per_mille");
    const orders = moneyRefunds
      ? tooMany("orders", shanghaiDay(nowMs), moneyRefunds, ofOrders)
      : [];
    return [...features, ...orders];
  },
};

export const RESERVE_REFUSALS: AlertRule = {
  ruleId: "AL06",
  severity: "WARNING",
  unit: "PER_MILLE",
  title: { en: "Many reservations are refused", zh: "额度预留被大量拒绝" },
  says: {
    en: "Too large a share of the reservations that the looking server has answered lately was refused.",
    zh: "执行检查的服务器近期答复的预留中，被拒绝的比例过高。",
  },
  remedy: {
    en: "The metric billing_decisions_total names the reasons: QUOTA_INSUFFICIENT is a matter of sales, RATE_LIMITED of limits, others of a release.",
    zh: "指标 billing_decisions_total 按原因统计：QUOTA_INSUFFICIENT 属销售问题，RATE_LIMITED 属限流设置，其余多为发布问题。",
  },
  parameters: shareParameters(300, 100),
  judge: ({ refusals }, values) => refusals && tooMany("reserve", null, refusals, values),
};

/** A rule about something that waits too long, or too much of it. */
function backlogRule(
  rule: Omit<AlertRule, "judge" | "parameters" | "unit">,
  subject: string,
  ageSeconds: number,
  backlog: (facts: Parameters<AlertRule["judge"]>[0]) => Backlog | undefined,
): AlertRule {
  return {
    ...rule,
    unit: "SECONDS",
    parameters: {
      age_seconds: parameter(ageSeconds, 1, 31_536_000, "seconds that the oldest may wait"),
    },
    judge(facts, values) {
      const found = backlog(facts);
      if (found === undefined) return undefined;
      if (found.count === 0) return [];
      return above(subject, null, seconds(found.oldestMs), values("age_seconds"));
    },
  };
}

export const CALLBACK_FAILURES = backlogRule(
  {
    ruleId: "AL09",
    severity: "CRITICAL",
    title: { en: "Payment callbacks are not settled", zh: "支付回调未能入账" },
    says: {
      en: "A callback of WeChat Pay was verified and stored, and could not be settled for too long.",
      zh: "微信支付回调已验签存储，但长时间未能入账。",
    },
    remedy: {
      en: "The log names the notice and the cause. Quarantined payments need a person; orphans are settled by SyncOrder once their order is known.",
      zh: "日志中有通知编号与原因。被隔离的付款须人工处理；无主通知在订单可知后用 SyncOrder 入账。",
    },
  },
  "payment-callbacks",
  900,
  ({ callbacks }) => callbacks,
);

export const QUEUE_LAG = backlogRule(
  {
    ruleId: "AL11",
    severity: "WARNING",
    title: { en: "The message queue lags behind", zh: "消息队列积压" },
    says: {
      en: "An event waits to be published, or a delivery that is due waits to be tried, for too long.",
      zh: "有事件长时间未发布，或到期的投递长时间未尝试。",
    },
    remedy: {
      en: "Look at the receivers' answers (bin/queue.ts list) and at the metrics billing_queue_*; see docs/queue.md.",
      zh: "查看接收方的应答（bin/queue.ts list）与 billing_queue_* 指标，参见 docs/queue.md。",
    },
  },
  "queue",
  300,
  ({ queue }) => queue,
);

export const SWEEPER_LAG = backlogRule(
  {
    ruleId: "AL12",
    severity: "CRITICAL",
    title: { en: "Stranded holds are not given back", zh: "滞留的额度未及时归还" },
    says: {
      en: "A reservation ended long ago and still holds its quota.",
      zh: "有预留早已到期，额度仍被占用。",
    },
    remedy: {
      en: "The sweeper doesn't run or can't keep up: its log lines say why. SWEEP_INTERVAL_SECONDS should be small on every server.",
      zh: "清扫任务未运行或跟不上：日志有原因。各服务器的 SWEEP_INTERVAL_SECONDS 应足够小。",
    },
  },
  "sweeper",
  600,
  ({ stranded }) => stranded,
);

export const RECONCILIATION_BREAKS = backlogRule(
  {
    ruleId: "AL13",
    severity: "CRITICAL",
    title: { en: "Differences with the bill stay open", zh: "对账差异长期未处理" },
    says: {
      en: "A difference between the provider's bill and the books has stood for more than two days.",
      zh: "账单与账本的差异已超过两天未消除。",
    },
    remedy: {
      en: "Work on the findings of the bill as docs/bills.md says; a later check clears what was put right.",
      zh: "按 docs/bills.md 处理差异；更正后再次核对会自动消除。",
    },
  },
  "bill-findings",
  (2 * DAY_MS) / SECOND_MS,
  ({ findings }) => findings,
);

export const CERTIFICATE_EXPIRY: AlertRule = {
  ruleId: "AL10",
  severity: "WARNING",
  unit: "SECONDS",
  title: { en: "A certificate runs out soon", zh: "证书即将过期" },
  says: {
    en: "A certificate that this service uses runs out within the days that are given; observed are the seconds that are left.",
    zh: "本服务使用的证书将在设定天数内过期；观测值为剩余秒数。",
  },
  remedy: {
    en: "Renew it and restart the servers one after the other; docs/keys.md says how.",
    zh: "续期后逐台重启服务器，方法见 docs/keys.md。",
  },
  parameters: {
    days_left: parameter(14, 1, 365, "days before the end when it is told of"),
    days_critical: parameter(5, 0, 365, "days before the end when it is critical"),
  },
  judge: ({ nowMs, expiries }, values) =>
    expiries?.flatMap(({ name, expireTimeMs }): Sighting[] => {
      const leftMs = expireTimeMs - nowMs;
      if (leftMs > Number(values("days_left")) * DAY_MS) return [];
      const isCritical = leftMs <= Number(values("days_critical")) * DAY_MS;
      const limit = seconds(Number(values("days_left")) * DAY_MS);
      const severity = isCritical ? "CRITICAL" : "WARNING";
      const subject = `certificate:${name}`;
      return [{ subject, period: null, severity, observed: seconds(leftMs), limit }];
    }),
};
