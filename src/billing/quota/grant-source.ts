/** Lawful sources of quota: what they give, and that each gives once. */
import type { GrantId, UserId } from "../id.ts";
import type { QuotaUnits } from "../money.ts";
import type { SourceKind } from "./lot.ts";

/** What a paid order, an approved campaign or an approved adjustment has to give. */
export interface SourceTerms {
  readonly kind: SourceKind;
  readonly id: string;
  /** The user whom it is for. */
  readonly userId: UserId;
  readonly amount: QuotaUnits;
  readonly priority: number;
  /** How long the lot lives, from the grant; null when it never lapses. */
  readonly validMs: number | null;
  /** The lot that it has given already; null when it has not. */
  readonly usedBy: GrantId | null;
}
