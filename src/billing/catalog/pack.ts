/** Packs: quota alone, for members who need more than their plan brings. */
import type { PackId } from "../id.ts";
import type { Fen, QuotaUnits } from "../money.ts";

export interface Pack {
  readonly packId: PackId;
  /** Counts the pack's versions from 1. A version's terms never change. */
  readonly version: number;
  readonly displayName: string;
  readonly priceFen: Fen;
  readonly quotaAmount: QuotaUnits;
  /** The draw order of what it brings: 0 first, 100 last. */
  readonly quotaPriority: number;
  /** Days of 24 hours that what it brings lives, counted from the payment; it never lapses when 0. */
  readonly validDays: number;
}
