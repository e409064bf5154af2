/** Budgets: what may be spent at vendors within a month of Asia/Shanghai, and when it is told how much was. */
import { largest } from "./statistics.ts";

/** Whose costs count: one vendor's, one feature's, or all. */
export type BudgetScope = "ALL" | "VENDOR" | "FEATURE";

export interface BudgetTerms {
  readonly scope: BudgetScope;
  /** The vendor's or the feature's id; empty for ALL. */
  readonly subject: string;
  /** Millionths of a yuan a month; 0 ends the budget. */
  readonly amountMicroYuan: bigint;
  /** Shares of the amount that are told of, in thousandths, ascending. */
  readonly thresholdsPerMille: readonly number[];
}

/** A version of a budget; the newest holds. */
export interface Budget extends BudgetTerms {
  readonly version: number;
  readonly caller: string;
  readonly createTimeMs: number;
}

export interface SpentBudget extends Budget {
  readonly spentMicroYuan: bigint;
}

/** Costs of one vendor and one feature, added up. */
export interface SpentSum {
  readonly vendor: string;
  readonly featureId: string | null;
  readonly amountMicroYuan: bigint;
}

export const THRESHOLDS_MAX = 10;
/** Ten times the budget is far beyond what anybody needs to be told. */
export const THRESHOLD_MAX = 10_000;
/** Half, most, and all of it. */
export const THRESHOLDS_DEFAULT = [500, 800, 1_000] as const;
/** From here on the budget is gone. */
export const SPENT_PER_MILLE = 1_000;

export function spentOf({ scope, subject }: BudgetTerms, sums: readonly SpentSum[]): bigint {
  let spent = 0n;
  for (const { vendor, featureId, amountMicroYuan } of sums) {
    const counts =
      scope === "ALL" || (scope === "VENDOR" ? vendor === subject : featureId === subject);
    if (counts) spent += amountMicroYuan;
  }
  return spent;
}

/** The part of the amount that a threshold stands for, rounded up: below it the threshold isn't reached. */
export function amountAt(amountMicroYuan: bigint, thresholdPerMille: number): bigint {
  return (amountMicroYuan * BigInt(thresholdPerMille) + 999n) / 1_000n;
}

/** The highest threshold that was reached; undefined when none was, or there is no budget. */
export function reachedThreshold(budget: BudgetTerms, spent: bigint): number | undefined {
  if (budget.amountMicroYuan <= 0n) return undefined;
  return budget.thresholdsPerMille.findLast(
    (threshold) => spent >= largest(1n, amountAt(budget.amountMicroYuan, threshold)),
  );
}

/** What alerts call a budget. */
export function budgetName({ scope, subject }: BudgetTerms): string {
  return scope === "ALL" ? "all" : `${scope.toLowerCase()}:${subject}`;
}
