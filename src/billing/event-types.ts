/**
 * Every type of event and the names in its data, as docs/queue.md tells receivers. A name is never
 * changed or taken away, since programs of others read it; new ones may come.
 */

const ORDER = ["order_id", "user_id", "state", "amount_fen", "refunded_fen"] as const;
const REFUND = [...ORDER, "refund_id", "refund_fen"] as const;
const MEMBERSHIP = [
  "user_id",
  "state",
  "user_state",
  "plan_id",
  "start_time",
  "end_time",
  "cause",
  "order_id",
  "refund_id",
] as const;

const ALERT = [
  "alert_id",
  "rule_id",
  "title",
  "severity",
  "state",
  "subject",
  "period",
  "observed",
  "limit",
  "unit",
  "remedy",
] as const;

export const EVENTS = {
  "order.created": ORDER,
  "order.paid": [...ORDER, "granted_amount", "pay_time", "membership_end_time"],
  "order.closed": [...ORDER, "why"],
  "payment.quarantined": [...ORDER, "payment_id", "paid_fen", "why"],
  "payment.returned": [...ORDER, "payment_id", "refund_id", "why"],
  "refund.requested": REFUND,
  "refund.processing": REFUND,
  "refund.succeeded": REFUND,
  "refund.abnormal": REFUND,
  "refund.closed": REFUND,
  "refund.contradicted": [...ORDER, "refund_id", "why"],
  "refund.obstructed": [...ORDER, "refund_id", "why"],
  "campaign.redeemed": ["campaign_id", "user_id", "grant_id", "amount"],
  "bill.finding": [
    "bill_id",
    "bill_date",
    "type",
    "lines",
    "findings",
    "settled_payments",
    "missing_here",
    "missing_there",
    "amount_differs",
    "state_differs",
    "doubled",
  ],
  "alert.raised": ALERT,
  "alert.resolved": ALERT,
  "report.weekly": [
    "report_id",
    "week",
    "version",
    "sales_fen",
    "refunded_fen",
    "recognised_fen",
    "cost_fen",
    "gross_fen",
    "used",
    "active_members",
    "alerts_critical",
    "alerts_warning",
    "discrepancies",
    "ledger_breaks",
    "dead_messages",
    "overdue_holds",
  ],
  "ledger.broken": ["check_id", "rule", "row_id", "expected", "found"],
  "membership.registered": MEMBERSHIP,
  "membership.activated": MEMBERSHIP,
  "membership.renewed": MEMBERSHIP,
  "membership.expiring": MEMBERSHIP,
  "membership.lapsed": MEMBERSHIP,
  "membership.shortened": MEMBERSHIP,
  "membership.restored": MEMBERSHIP,
  "membership.suspended": MEMBERSHIP,
  "membership.resumed": MEMBERSHIP,
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** What happened, such as `order.paid`. */
export type EventType = keyof typeof EVENTS;
