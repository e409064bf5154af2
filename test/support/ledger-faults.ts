/** One fault for each rule of the ledgers, as a slip of a program or of somebody with a SQL prompt would make it. */

export interface LedgerFault {
  readonly rule: string;
  readonly table: string;
  /** Gives what the rule has to name. */
  readonly pick: string;
  readonly sql: (id: string) => string;
}

/** @param named the row that is meant: a column and a condition on a table */
const fault = (
  rule: string,
  table: string,
  [column, from]: readonly [string, string],
  sql: (id: string) => string,
): LedgerFault => {
  const pick = `select ${column} as id from ${from} order by ${column} limit 1`;
  return { rule, table, pick, sql };
};

/** A change of one row's columns. */
const set = (
  rule: string,
  table: string,
  key: string,
  where: string,
  change: string,
): LedgerFault =>
  fault(
    rule,
    table,
    [key, `${table} where ${where}`],
    (id) => `update ${table} set ${change} where ${key} = '${id}'`,
  );

/** A row that isn't there any more. @param key what names it, and the rule's finding */
const lose = (rule: string, table: string, key: string, where: string): LedgerFault =>
  fault(
    rule,
    table,
    [key, `${table} where ${where}`],
    (id) => `delete from ${table} where ${key} = '${id}'`,
  );

/** A change of one row of the log. @param key what names the row in the finding */
const log = (rule: string, key: string, where: string, change: string): LedgerFault =>
  fault(
    rule,
    "quota_logs",
    [key, `quota_logs where ${where}`],
    (id) =>
      `update quota_logs set ${change} where ${key} = '${id}' and ${where} order by sequence desc limit 1`,
  );

const USER = ["user_id", "users where log_sequence > 10"] as const;
const HELD = "state = 'HELD'";
const RETURNED = "disposition = 'RETURNED'";
const PAID_PLAN = ["order_id", "orders where kind = 'PLAN' and payment_id is not null"] as const;

const BALANCES = [
  fault(
    "LB01",
    "users",
    USER,
    (id) => `update users set quota_remaining = quota_remaining + 1 where user_id = '${id}'`,
  ),
  fault(
    "LB02",
    "users",
    USER,
    (id) => `update users set quota_held = quota_held + 1 where user_id = '${id}'`,
  ),
  fault(
    "LB03",
    "quota_logs",
    USER,
    (id) => `delete from quota_logs where user_id = '${id}' and sequence = 3`,
  ),
  fault(
    "LB04",
    "quota_logs",
    USER,
    (id) => `update quota_logs set available_after = available_after + 1 where user_id = '${id}'
      order by sequence desc limit 1`,
  ),
  log("LB05", "operation_id", "sequence = 4", "held_after = held_after + 1"),
  fault(
    "LB06",
    "quota_logs",
    USER,
    (id) =>
      `update quota_logs set available_change = available_change + 1 where user_id = '${id}' and sequence = 2`,
  ),
  fault("LB07", "users", USER, (id) => `delete from users where user_id = '${id}'`),
];

const LOTS = [
  set(
    "LB08",
    "quota_grants",
    "grant_id",
    "state = 'OPEN' and remaining > 1",
    "remaining = remaining - 1",
  ),
  log(
    "LB09",
    "operation_id",
    "type = 'RESERVE' and grant_id is not null",
    "grant_remaining_after = 9999",
  ),
  log("LB10", "grant_id", "type = 'GRANT'", "type = 'RESTORE'"),
  set("LB11", "quota_grants", "grant_id", "state = 'OPEN'", "state = 'EXHAUSTED'"),
  set("LB12", "quota_grants", "grant_id", "state = 'EXPIRED'", "state = 'EXHAUSTED'"),
  log(
    "LB13",
    "operation_id",
    "type = 'COMMIT' and grant_id is not null",
    "grant_id = 'grt_nowhere'",
  ),
  set(
    "LB14",
    "quota_grants",
    "grant_id",
    "source_kind = 'ADJUSTMENT'",
    "source_id = 'apr_nowhere'",
  ),
  fault(
    "LB15",
    "quota_grants",
    ["user_id", "quota_grants where source_kind = 'TRIAL'"],
    (id) => `delete from quota_grants where source_kind = 'TRIAL' and user_id = '${id}'`,
  ),
  set("LB16", "quota_grants", "grant_id", "source_kind = 'ORDER'", "source_id = 'ord_nowhere'"),
  set(
    "LB17",
    "quota_grants",
    "grant_id",
    "source_kind = 'CAMPAIGN'",
    "source_id = 'gift-of-nobody'",
  ),
];

const RESERVATIONS = [
  set("LB18", "quota_reservations", "reservation_id", HELD, "unit_cost = unit_cost + 1"),
  set("LB19", "quota_reservations", "reservation_id", "state = 'REFUNDED'", "refunded = 0"),
  set(
    "LB20",
    "quota_reservations",
    "reservation_id",
    HELD,
    "state = 'EXPIRED', refunded_amount = amount",
  ),
  set(
    "LB21",
    "quota_reservations",
    "reservation_id",
    "state = 'COMMITTED' and committed_amount > 1",
    "committed_amount = committed_amount - 1, refunded_amount = refunded_amount + 1",
  ),
  set("LB22", "quota_reservations", "reservation_id", HELD, "allocations = 'no list'"),
  set(
    "LB23",
    "quota_reservations",
    "reservation_id",
    HELD,
    "allocations = json_array(json_array('grt_other', amount))",
  ),
  log("LB24", "reservation_id", "type = 'EXPIRE_HOLD'", "type = 'RELEASE'"),
  fault(
    "LB25",
    "quota_logs",
    ["reservation_id", "quota_logs where type = 'REFUND' and available_change > 0"],
    (
      id,
    ) => `insert into quota_logs select 'opr_again', line, user_id, sequence + 1000, type, grant_id,
        reservation_id, available_change, held_change, available_after, held_after, grant_remaining_after,
        description, method, caller, null, content, answer, create_time
      from quota_logs where reservation_id = '${id}' and type = 'REFUND' and available_change > 0`,
  ),
  log("LB26", "operation_id", "type = 'COMMIT'", "reservation_id = 'rsv_nowhere'"),
];

const MEMBERSHIPS = [
  fault(
    "LB27",
    "users",
    USER,
    (id) => `update users set membership_steps = membership_steps + 1 where user_id = '${id}'`,
  ),
  fault(
    "LB28",
    "membership_transitions",
    ["user_id", "membership_transitions where sequence = 2"],
    (id) =>
      `update membership_transitions set end_before = '2020-01-01' where user_id = '${id}' and sequence = 2`,
  ),
  fault(
    "LB29",
    "users",
    USER,
    (id) =>
      `update users set membership_until = timestampadd(day, 1, membership_until) where user_id = '${id}'`,
  ),
  set("LB30", "users", "user_id", "state = 'SUSPENDED'", "state = 'ACTIVE'"),
  fault(
    "LB31",
    "membership_transitions",
    ["user_id", "membership_transitions where event in ('ACTIVATED', 'RENEWED')"],
    (id) => `update membership_transitions set order_id = 'ord_nowhere'
      where user_id = '${id}' and event in ('ACTIVATED', 'RENEWED')`,
  ),
];

const ORDERS = [
  set("LB32", "orders", "order_id", "state = 'PAID'", "payment_id = 'pay_nowhere'"),
  set("LB33", "orders", "order_id", "state = 'PAID'", "state = 'REFUNDED'"),
  set(
    "LB34",
    "orders",
    "order_id",
    "state = 'PARTIALLY_REFUNDED'",
    "refunded_fen = refunded_fen + 1",
  ),
  fault(
    "LB35",
    "refunds",
    ["payment_id", "refunds where automatic = 0 and state = 'SUCCEEDED'"],
    (id) =>
      `update refunds set amount_fen = amount_fen + 1000000 where payment_id = '${id}' and state = 'SUCCEEDED'`,
  ),
  fault(
    "LB36",
    "refunds",
    ["payment_id", `payments where ${RETURNED}`],
    (id) => `delete from refunds where payment_id = '${id}'`,
  ),
  lose("LB37", "payment_numbers", "payment_id", "true"),
  set("LB38", "orders", "order_id", "state = 'CREATED'", "amount_fen = amount_fen + 1"),
  fault(
    "LB39",
    "quota_grants",
    PAID_PLAN,
    (id) =>
      `delete from quota_grants where source_kind = 'ORDER' and source_id = concat('${id}', ':2')`,
  ),
  fault(
    "LB40",
    "membership_transitions",
    PAID_PLAN,
    (id) => `delete from membership_transitions where order_id = '${id}'`,
  ),
  set("LB41", "orders", "order_id", "revoked_amount > 0", "revoked_amount = revoked_amount - 1"),
  set("LB42", "orders", "order_id", "state = 'PAID'", "steps = steps + 1"),
  fault(
    "LB43",
    "order_steps",
    ["subject_id", "order_steps where subject_id like 'ord%' and sequence = 2"],
    (id) =>
      `update order_steps set from_state = 'CLOSED' where subject_id = '${id}' and sequence = 2`,
  ),
];

const REFUNDS = [
  set("LB44", "refunds", "refund_id", "state = 'SUCCEEDED'", "state = 'ABNORMAL'"),
  lose("LB45", "refunds", "refund_id", "true"),
  set("LB46", "refunds", "refund_id", "automatic = 0", "automatic = 1"),
  set("LB47", "refunds", "refund_id", "state = 'SUCCEEDED'", "success_time = null"),
];

const OTHERS = [
  set("LB48", "campaign_budgets", "campaign_id", "true", "spent_amount = spent_amount + 1"),
  set("LB49", "campaigns", "campaign_id", "true", "budget_amount = 1"),
  fault(
    "LB50",
    "campaign_redemptions",
    ["user_id", "campaign_redemptions where number = 2"],
    (id) => `delete from campaign_redemptions where user_id = '${id}' and number = 1`,
  ),
  fault(
    "LB51",
    "campaign_redemptions",
    ["user_id", "campaign_redemptions"],
    (id) => `update campaign_redemptions set amount = amount + 1 where user_id = '${id}'`,
  ),
  fault(
    "LB52",
    "webhook_deliveries",
    ["event_id", "outbox_events"],
    (
      id,
    ) => `insert into webhook_deliveries (event_id, endpoint, state, attempts, replays, next_try_time, create_time)
      values ('${id}', 'crm', 'DEAD', 1, 0, now(3), now(3))`,
  ),
];

export const LEDGER_FAULTS: readonly LedgerFault[] = [
  ...BALANCES,
  ...LOTS,
  ...RESERVATIONS,
  ...MEMBERSHIPS,
  ...ORDERS,
  ...REFUNDS,
  ...OTHERS,
];
