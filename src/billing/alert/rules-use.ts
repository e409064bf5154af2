/** Rules about what is used and what that costs. Days and months are Asia/Shanghai's. */
import { shanghaiDay } from "../calendar.ts";
import { MICRO_YUAN_PER_FEN } from "./earned.ts";
import { amountAt, budgetName, reachedThreshold, SPENT_PER_MILLE } from "./budget.ts";
import type { AlertFacts, UserUse } from "./facts.ts";
import { parameter, SPREAD, spreadOf, type AlertRule, type Sighting } from "./rule.ts";
import { largest, median, quantile, usualUpTo } from "./statistics.ts";

const dayOf = ({ nowMs }: AlertFacts) => shanghaiDay(nowMs);
const monthOf = ({ nowMs }: AlertFacts) => shanghaiDay(nowMs).slice(0, 7);

export const BUDGET: AlertRule = {
  ruleId: "AL01",
  severity: "WARNING",
  unit: "MICRO_YUAN",
  title: { en: "A budget is being used up", zh: "预算即将用尽" },
  says: {
    en: "This month's costs have reached a threshold of a budget; at 1000 thousandths it is spent.",
    zh: "本月成本已达到预算的某一阈值；达到 1000‰ 即预算已用完。",
  },
  remedy: {
    en: "See ListCosts for what grew. Raise the budget with SetBudget, or slow the feature down (rate limits, quota_cost).",
    zh: "用 ListCosts 查看增长来源；确属正常则用 SetBudget 调高预算，否则收紧功能限流或提高 quota_cost。",
  },
  parameters: {},
  judge: (facts) =>
    facts.budgets?.flatMap((budget): Sighting[] => {
      const { spentMicroYuan: observed } = budget;
      const threshold = reachedThreshold(budget, observed);
      if (threshold === undefined) return [];
      return [
        {
          subject: budgetName(budget),
          period: `${monthOf(facts)}@${threshold}`,
          severity: threshold >= SPENT_PER_MILLE ? "CRITICAL" : "WARNING",
          observed,
          limit: amountAt(budget.amountMicroYuan, threshold),
        },
      ];
    }),
};

export const USER_HISTORY: AlertRule = {
  ruleId: "AL02",
  severity: "WARNING",
  unit: "QUOTA_UNITS",
  title: { en: "A user uses far more than usual", zh: "用户用量远超其历史水平" },
  says: {
    en: "The quota that the user has used today is far above the user's own days before.",
    zh: "该用户今日用量远高于其自身历史。",
  },
  remedy: {
    en: "Look at ListReservations of the user: a leaked token or a loop in a client shows as one feature at a steady pace. SuspendUser stops it.",
    zh: "查看该用户的 ListReservations：若为凭证泄露或客户端死循环，可用 SuspendUser 暂停。",
  },
  parameters: {
    ...SPREAD,
    floor: parameter(80, 1, 1_000_000_000, "quota units a day that are always usual"),
  },
  judge: (facts, values) =>
    facts.users?.flatMap((user) => {
      const days = activeDays(user);
      if (days.length < Number(values("days_min"))) return [];
      const limit = usualUpTo(days, spreadOf(values));
      return above(`user:${user.userId}`, dayOf(facts), user.amount, limit);
    }),
};

/** Who comes on some days only is compared with those. */
function activeDays({ history }: UserUse): readonly bigint[] {
  return history.filter((amount) => amount > 0n);
}

export const USER_PEERS: AlertRule = {
  ruleId: "AL03",
  severity: "WARNING",
  unit: "QUOTA_UNITS",
  title: { en: "A user uses far more than all others", zh: "用户用量远超其他用户" },
  says: {
    en: "The quota that the user has used today is a multiple of what nearly all others use, and it wasn't so before.",
    zh: "该用户今日用量是绝大多数用户的数倍，且此前并非如此。",
  },
  remedy: {
    en: "New users who start like this are often scripts or shared accounts: look at ListReservations and the order, then decide on SuspendUser.",
    zh: "新用户出现此情况多为脚本或账号共享：核对 ListReservations 与订单后决定是否 SuspendUser。",
  },
  parameters: {
    quantile_per_mille: parameter(900, 500, 999, "share of the users that count as ordinary"),
    factor_per_mille: parameter(
      8_000,
      1_000,
      1_000_000,
      "multiple of the ordinary users' most, in thousandths",
    ),
    users_min: parameter(20, 5, 1_000_000, "users of a day that make a comparison"),
    floor: parameter(150, 1, 1_000_000_000, "quota units a day that are always usual"),
  },
  judge({ peers, users, ...facts }, values) {
    if (peers === undefined || users === undefined) return undefined;
    const count = peers.reduce((sum, step) => sum + step.count, 0);
    if (count < Number(values("users_min"))) return [];
    const ordinary = quantile(peers, Number(values("quantile_per_mille")));
    const limit = largest(values("floor"), (ordinary * values("factor_per_mille")) / 1_000n);
    return users
      .filter((user) => !wasSoBefore(user, limit))
      .flatMap((user) => above(`user:${user.userId}`, dayOf(facts), user.amount, limit));
  },
};

/** Users whose ordinary day is at least half of the limit are big customers and not strange. */
function wasSoBefore(user: UserUse, limit: bigint): boolean {
  const days = activeDays(user);
  return days.length >= HISTORY_DAYS_MIN && median(days) * 2n > limit;
}
const HISTORY_DAYS_MIN = 7;

export const FEATURE_USE: AlertRule = {
  ruleId: "AL04",
  severity: "WARNING",
  unit: "QUOTA_UNITS",
  title: { en: "A feature is used far more than usual", zh: "功能用量远超历史水平" },
  says: {
    en: "The quota that all users have used today for the feature is far above its days before.",
    zh: "该功能今日的总用量远高于其历史。",
  },
  remedy: {
    en: "A launch or a campaign explains it; otherwise see which users did it (ListReservations) and lower the feature's limits.",
    zh: "若非上新或活动所致，请查明是哪些用户（ListReservations），并收紧该功能的限流。",
  },
  parameters: {
    ...SPREAD,
    margin_per_mille: parameter(
      800,
      0,
      100_000,
      "share of the median above it that is always usual, in thousandths",
    ),
    floor: parameter(500, 1, 1_000_000_000, "quota units a day that are always usual"),
  },
  judge: (facts, values) =>
    facts.features?.flatMap(({ featureId, amount, history }) =>
      history.length < Number(values("days_min"))
        ? []
        : above(`feature:${featureId}`, dayOf(facts), amount, usualUpTo(history, spreadOf(values))),
    ),
};

export const VENDOR_COST: AlertRule = {
  ruleId: "AL07",
  severity: "CRITICAL",
  unit: "MICRO_YUAN",
  title: { en: "A vendor costs far more than usual", zh: "供应商成本远超历史水平" },
  says: {
    en: "What the vendor has charged for a day, today or yesterday, is far above the days before.",
    zh: "该供应商今日或昨日的成本远高于其历史。",
  },
  remedy: {
    en: "ListCosts of the vendor and day shows the services: a wrong unit, a price that changed, retries without end, or really more work.",
    zh: "用 ListCosts 按供应商和日期查看：单位录错、单价变动、无限重试，或业务量确有增长。",
  },
  parameters: {
    ...SPREAD,
    margin_per_mille: parameter(
      800,
      0,
      100_000,
      "share of the median above it that is always usual, in thousandths",
    ),
    floor: parameter(
      50_000_000,
      1,
      1_000_000_000_000,
      "millionths of a yuan a day that are always usual",
    ),
  },
  judge: (facts, values) =>
    facts.vendors?.flatMap(({ vendor, day, amount, history }) =>
      history.length < Number(values("days_min"))
        ? []
        : above(`vendor:${vendor}`, day, amount, usualUpTo(history, spreadOf(values))),
    ),
};

export const NEGATIVE_MARGIN: AlertRule = {
  ruleId: "AL08",
  severity: "WARNING",
  unit: "MICRO_YUAN",
  title: { en: "A user costs more than they bring in", zh: "用户成本高于收入" },
  says: {
    en: "This month's vendor costs of the user exceed what was earned from the user until now by more than the floor.",
    zh: "该用户本月供应商成本已超过截至目前确认的收入，且差额高于下限。",
  },
  remedy: {
    en: "Compare the features' quota_cost with their costs; a feature that loses money on every use needs a higher one.",
    zh: "对照各功能的 quota_cost 与实际成本；单次亏损的功能应提高 quota_cost。",
  },
  parameters: {
    floor: parameter(
      20_000_000,
      0,
      1_000_000_000_000,
      "loss in millionths of a yuan that is no matter",
    ),
  },
  judge: (facts, values) =>
    facts.earnings?.flatMap(({ userId, revenueFen, costMicroYuan }) =>
      above(
        `user:${userId}`,
        monthOf(facts),
        costMicroYuan,
        revenueFen * MICRO_YUAN_PER_FEN + values("floor"),
      ),
    ),
};

export function above(
  subject: string,
  period: string | null,
  observed: bigint,
  limit: bigint,
): Sighting[] {
  return observed > limit ? [{ subject, period, observed, limit }] : [];
}
