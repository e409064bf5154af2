/** Plans: what can be bought, and the trial that registration gives. */
import type { PlanId } from "../id.ts";
import type { Fen, QuotaUnits } from "../money.ts";

/**
 * What becomes of a period's quota when the period ends: NONE lets it lapse, ONE_PERIOD keeps it for one
 * more period of the same length, UNTIL_USED keeps it without an end.
 */
export type Rollover = "NONE" | "ONE_PERIOD" | "UNTIL_USED";

export interface Plan {
  readonly planId: PlanId;
  /** Counts the plan's versions from 1. A version's terms never change. */
  readonly version: number;
  readonly displayName: string;
  readonly priceFen: Fen;
  /** Calendar months in Asia/Shanghai; 0 where `periodDays` counts. */
  readonly periodMonths: number;
  /** Days of 24 hours; 0 where `periodMonths` counts. */
  readonly periodDays: number;
  /** What each period brings. */
  readonly quotaAmount: QuotaUnits;
  /** The draw order of what it brings: 0 first, 100 last. */
  readonly quotaPriority: number;
  readonly rollover: Rollover;
  /** True for the plan that registration gives. */
  readonly trial: boolean;
}
