/** What the rules of alerts look at. Whatever couldn't be found out is missing, and its rules don't judge. */
import type { SpentBudget } from "./budget.ts";
import type { Step } from "./statistics.ts";

/** What was used within a day of Asia/Shanghai so far, and on each of the days before. */
export interface Use {
  /** Quota units, or millionths of a yuan for costs. */
  readonly amount: bigint;
  /** Whole days before this one, one after the other; days without use are 0. None from before the first use. */
  readonly history: readonly bigint[];
}

export interface UserUse extends Use {
  readonly userId: string;
}

export interface FeatureUse extends Use {
  readonly featureId: string;
}

export interface VendorUse extends Use {
  readonly vendor: string;
  /** YYYY-MM-DD: today or the day before, since many costs are recorded on the next day. */
  readonly day: string;
}

/** So many of so many. */
export interface Share {
  readonly part: bigint;
  readonly whole: bigint;
}

export interface Earnings {
  readonly userId: string;
  /** Earned within the month, by days of membership: see earnedFen. */
  readonly revenueFen: bigint;
  readonly costMicroYuan: bigint;
}

/** Whatever waits: how much of it, and for how long the oldest has. */
export interface Backlog {
  readonly count: number;
  readonly oldestMs: number;
}

export interface AlertFacts {
  readonly nowMs: number;
  readonly budgets?: readonly SpentBudget[];
  /** Those who have used most today. */
  readonly users?: readonly UserUse[];
  /** How many users have used how much today. */
  readonly peers?: readonly Step[];
  readonly features?: readonly FeatureUse[];
  readonly vendors?: readonly VendorUse[];
  /** Of the last hour: how many reservations of each feature were refunded. */
  readonly quotaRefunds?: readonly (Share & { readonly featureId: string })[];
  /** Of the last day: refunds that were asked for, and payments. */
  readonly moneyRefunds?: Share;
  /** Of the last minutes, on the server that looks: reservations that were refused. */
  readonly refusals?: Share;
  /** Of this month: those who cost most. */
  readonly earnings?: readonly Earnings[];
  /** Callbacks of the payment provider that are tried again and again. */
  readonly callbacks?: Backlog;
  /** What runs out, and when. */
  readonly expiries?: readonly { readonly name: string; readonly expireTimeMs: number }[];
  /** Events that nobody was told of yet, and deliveries that are due. */
  readonly queue?: Backlog;
  /** Holds that should have been given back. */
  readonly stranded?: Backlog;
  /** Differences between the provider's bills and the books that stand. */
  readonly findings?: Backlog;
}
