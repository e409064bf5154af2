/** Plans: what can be bought, and the trial that registration gives. */
import type { PlanId } from "../id.ts";
import type { Fen, QuotaUnits } from "../money.ts";

export interface Plan {
  readonly planId: PlanId;
  readonly displayName: string;
  readonly priceFen: Fen;
  /** Calendar months in Asia/Shanghai; 0 where `periodDays` counts. */
  readonly periodMonths: number;
  /** Days of 24 hours; 0 where `periodMonths` counts. */
  readonly periodDays: number;
  /** What it brings. */
  readonly quotaAmount: QuotaUnits;
  /** The draw order of what it brings: 0 first, 100 last. */
  readonly quotaPriority: number;
  /** True for the plan that registration gives. */
  readonly trial: boolean;
}
