/** Campaigns: quota that is given away for a time, out of a budget that all versions share. */
import type { CampaignId } from "../id.ts";
import type { QuotaUnits } from "../money.ts";

/**
 * What a campaign may be called. From a user's second redemption on the lot's source is this, a colon and up
 * to three digits: there must be room for that in an id, and no other campaign may be called so.
 */
export const CAMPAIGN_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,58}$/;

export interface Campaign {
  readonly campaignId: CampaignId;
  /** Counts the campaign's versions from 1. A version's terms never change. */
  readonly version: number;
  readonly displayName: string;
  /** What one redemption gives. */
  readonly quotaAmount: QuotaUnits;
  /** The draw order of what it gives: 0 first, 100 last. */
  readonly quotaPriority: number;
  /** Days of 24 hours that what it gives lives, counted from the redemption. */
  readonly validDays: number;
  readonly startTimeMs: number;
  /** The first moment that is no longer inside. */
  readonly endTimeMs: number;
  /** What it gives away in all. */
  readonly budgetAmount: QuotaUnits;
  /** How often one user may redeem it. */
  readonly perUserLimit: number;
}
