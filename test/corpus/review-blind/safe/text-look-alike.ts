// expect: none
// item: 1
// A comment about UPDATE users SET quota_remaining = quota_remaining - 1 is no code.
export const DOCUMENTATION = "Never run UPDATE users SET quota_remaining = 0 by hand.";

export interface QuotaView {
  quotaRemaining: number;
}

export function afterSpending(view: QuotaView, cost: number): QuotaView {
  return { ...view, quotaRemaining: view.quotaRemaining - cost };
}
