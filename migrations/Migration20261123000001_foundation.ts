import { Migration } from "@mikro-orm/migrations";

/*
 * The first tables, frozen: whatever becomes of the definitions in src/store/tables.ts, this file
 * stays, and what changes comes in a migration of its own. Each statement commits by itself, so
 * each can be run again: a migration that was killed on its way is finished by starting it again.
 */

const IN_OUR_WAY = "default character set utf8mb4 collate utf8mb4_bin engine = InnoDB";

const TABLES = [
  `create table if not exists users (
    user_id varchar(63) not null,
    state varchar(24) not null,
    suspend_reason varchar(255) not null,
    plan_id varchar(63) null,
    on_trial tinyint(1) not null,
    membership_start_time datetime(3) null,
    membership_until datetime(3) null,
    quota_remaining bigint not null,
    quota_held bigint not null,
    log_sequence bigint not null,
    create_time datetime(3) not null,
    primary key (user_id),
    constraint users_quota_remaining_not_negative check (quota_remaining >= 0),
    constraint users_quota_held_not_negative check (quota_held >= 0)
  ) ${IN_OUR_WAY}`,
  `create table if not exists quota_grants (
    user_id varchar(63) not null,
    grant_id varchar(63) not null,
    amount bigint not null,
    remaining bigint not null,
    priority int not null,
    effective_time datetime(3) not null,
    expire_time datetime(3) null,
    source_kind varchar(24) not null,
    source_id varchar(63) not null,
    state varchar(24) not null,
    create_time datetime(3) not null,
    primary key (user_id, grant_id),
    index quota_grants_lapse (state, expire_time),
    index quota_grants_start (state, effective_time),
    unique quota_grants_source (source_kind, source_id, user_id),
    constraint quota_grants_within_amount check (remaining >= 0 and remaining <= amount)
  ) ${IN_OUR_WAY}`,
  `create table if not exists quota_reservations (
    reservation_id varchar(63) not null,
    user_id varchar(63) not null,
    feature_id varchar(63) not null,
    feature_version int not null,
    task_id varchar(63) not null,
    quantity int not null,
    unit_cost bigint not null,
    amount bigint not null,
    committed_amount bigint not null,
    refunded_amount bigint not null,
    state varchar(24) not null,
    eligible_for_refund tinyint(1) not null,
    refunded tinyint(1) not null,
    allocations mediumtext not null,
    labels text not null,
    counts_for_limits tinyint(1) not null,
    decision varchar(255) not null,
    create_time datetime(3) not null,
    expire_time datetime(3) not null,
    commit_time datetime(3) null,
    refund_time datetime(3) null,
    refund_reason varchar(32) null,
    failed_step varchar(255) not null,
    refund_detail varchar(1000) not null,
    primary key (reservation_id),
    index quota_reservations_use (user_id, feature_id, create_time),
    index quota_reservations_task (task_id),
    index quota_reservations_end (state, expire_time),
    constraint quota_reservations_amounts check (
      amount >= 0 and committed_amount >= 0 and refunded_amount >= 0 and
      committed_amount + refunded_amount <= amount
    )
  ) ${IN_OUR_WAY}`,
  `create table if not exists operations (
    operation_id varchar(63) not null,
    method varchar(40) not null,
    idempotency_key varchar(128) null,
    user_id varchar(63) null,
    caller varchar(63) not null,
    content text not null,
    answer mediumtext not null,
    create_time datetime(3) not null,
    primary key (operation_id),
    unique operations_key (idempotency_key, method)
  ) ${IN_OUR_WAY}`,
  `create table if not exists quota_logs (
    operation_id varchar(63) not null,
    line int unsigned not null,
    user_id varchar(63) not null,
    sequence bigint not null,
    type varchar(24) not null,
    grant_id varchar(63) null,
    reservation_id varchar(63) null,
    available_change bigint not null,
    held_change bigint not null,
    available_after bigint not null,
    held_after bigint not null,
    grant_remaining_after bigint not null,
    description varchar(400) not null,
    method varchar(40) not null,
    caller varchar(63) not null,
    idempotency_key varchar(128) null,
    content text null,
    answer mediumtext null,
    create_time datetime(3) not null,
    primary key (operation_id, line),
    unique quota_logs_sequence (user_id, sequence),
    unique quota_logs_key (idempotency_key, method),
    constraint quota_logs_not_negative check (available_after >= 0 and held_after >= 0)
  ) ${IN_OUR_WAY}`,
  `create table if not exists features (
    feature_id varchar(63) not null,
    version int unsigned not null,
    display_name varchar(64) not null,
    quota_cost bigint not null,
    high_cost tinyint(1) not null,
    category varchar(32) not null,
    access_scope varchar(24) not null,
    limited tinyint(1) not null,
    max_per_hour int not null,
    max_per_day int not null,
    cooldown_seconds int not null,
    max_in_flight int not null,
    launch_plan varchar(1000) not null,
    state varchar(24) not null,
    create_time datetime(3) not null,
    publish_time datetime(3) null,
    created_by varchar(63) not null,
    primary key (feature_id, version),
    constraint features_cost_not_negative check (quota_cost >= 0)
  ) ${IN_OUR_WAY}`,
  `create table if not exists feature_access (
    user_id varchar(63) not null,
    feature_id varchar(63) not null,
    create_time datetime(3) not null,
    created_by varchar(63) not null,
    primary key (user_id, feature_id),
    index feature_access_feature (feature_id)
  ) ${IN_OUR_WAY}`,
  `create table if not exists catalog_revisions (
    catalog_id int unsigned not null,
    revision bigint not null,
    primary key (catalog_id)
  ) ${IN_OUR_WAY}`,
  `create table if not exists plans (
    plan_id varchar(63) not null,
    display_name varchar(64) not null,
    price_fen bigint not null,
    period_months int not null,
    period_days int not null,
    quota_amount bigint not null,
    quota_priority int not null,
    trial tinyint(1) not null,
    create_time datetime(3) not null,
    primary key (plan_id),
    constraint plans_price_not_negative check (price_fen >= 0)
  ) ${IN_OUR_WAY}`,
  `create table if not exists approvals (
    approval_id varchar(63) not null,
    kind varchar(32) not null,
    subject varchar(160) not null,
    feature_id varchar(63) null,
    feature_version int null,
    user_id varchar(63) null,
    amount bigint null,
    priority int null,
    valid_days int null,
    reason varchar(1000) not null,
    state varchar(24) not null,
    requested_by varchar(63) not null,
    decided_by varchar(63) null,
    decision_note varchar(1000) not null,
    create_time datetime(3) not null,
    decide_time datetime(3) null,
    primary key (approval_id),
    index approvals_subject (subject, state),
    index approvals_state (state, approval_id)
  ) ${IN_OUR_WAY}`,
  `create table if not exists audit_events (
    event_id varchar(63) not null,
    actor varchar(63) not null,
    action varchar(40) not null,
    subject varchar(160) not null,
    state_before mediumtext not null,
    state_after mediumtext not null,
    reason varchar(1000) not null,
    create_time datetime(3) not null,
    primary key (event_id),
    index audit_events_subject (subject)
  ) ${IN_OUR_WAY}`,
];

/** Ledgers: what has happened is not changed; a correction is another row. */
const LEDGERS = ["quota_logs", "operations", "audit_events"];

const WRITTEN_ONCE = LEDGERS.flatMap((table) =>
  ["update", "delete"].map(
    (word) => `create trigger if not exists ${table}_no_${word} before ${word} on ${table}
  for each row signal sqlstate '45000'
  set message_text = '${table} is append-only: rows are never changed or removed'`,
  ),
);

/** Its number goes up with every change of what is in force. */
const FIRST_REVISION = "insert ignore into catalog_revisions (catalog_id, revision) values (1, 1)";

export class Migration20261123000001_foundation extends Migration {
  override up(): void {
    for (const statement of [...TABLES, ...WRITTEN_ONCE, FIRST_REVISION]) this.addSql(statement);
  }

  /** DDL commits by itself and the service handles money: the way is forward only. */
  override isTransactional(): boolean {
    return false;
  }
}
