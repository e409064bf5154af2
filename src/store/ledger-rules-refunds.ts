/** Rules of refunds of money. */
import type { LedgerRule } from "./ledger-rule.ts";
import { stepRules } from "./ledger-rules-steps.ts";

export const REFUND_RULES: readonly LedgerRule[] = [
  ...stepRules({
    codes: ["LB44", "LB45"],
    scope: "refunds",
    subject: "a refund",
    key: "refund_id",
    ids: "s.subject_id >= 'rfd_'",
  }),
  {
    code: "LB46",
    scope: "refunds",
    says: "A refund is of a payment of the same order and user; it's automatic when nothing was given for that.",
    sql: `select r.refund_id as row_id,
        concat(r.order_id, ' of ', r.user_id, if(r.automatic, ', returned', ', not returned')) as expected,
        coalesce(concat(p.order_id, ' of ', p.user_id, if(p.disposition = 'RETURNED', ', returned', ', not returned')),
          'no such payment') as found
      from refunds r left join payments p on p.payment_id = r.payment_id
      where {r.refund_id} and (p.payment_id is null or p.order_id <> r.order_id or p.user_id <> r.user_id
        or (r.automatic = 1) <> (p.disposition = 'RETURNED'))`,
  },
  {
    code: "LB47",
    scope: "refunds",
    says: "A refund that was closed has taken nothing, and one that is done says when.",
    sql: `select refund_id as row_id, if(state = 'CLOSED', '0 taken', 'a time') as expected,
        if(state = 'CLOSED', concat(revoked_amount, ' taken'), 'no time') as found
      from refunds where {refund_id} and ((state = 'CLOSED' and revoked_amount <> 0)
        or (state = 'SUCCEEDED' and success_time is null))`,
  },
];
