import { Migration } from "@mikro-orm/migrations";

/*
 * Alerts: budgets, how the rules are set, what they have seen, what was done about it, and silences. Frozen, as
 * all migrations are; each statement can be run again.
 */

const IN_OUR_WAY = "default character set utf8mb4 collate utf8mb4_bin engine = InnoDB";

const TABLES = [
  `create table if not exists budgets (
    scope varchar(24) not null,
    subject varchar(63) not null,
    version int unsigned not null,
    amount_micro_yuan bigint not null,
    thresholds varchar(255) not null,
    caller varchar(63) not null,
    create_time datetime(3) not null,
    primary key (scope, subject, version),
    constraint budgets_not_negative check (amount_micro_yuan >= 0)
  ) ${IN_OUR_WAY}`,
  `create table if not exists alert_rules (
    rule_id varchar(24) not null,
    version int unsigned not null,
    enabled tinyint(1) not null,
    parameters text not null,
    caller varchar(63) not null,
    create_time datetime(3) not null,
    primary key (rule_id, version)
  ) ${IN_OUR_WAY}`,
  `create table if not exists alerts (
    alert_id varchar(63) not null,
    rule_id varchar(24) not null,
    subject varchar(160) not null,
    period varchar(24) not null,
    severity varchar(24) not null,
    state varchar(24) not null,
    unit varchar(24) not null,
    observed bigint not null,
    limit_value bigint not null,
    told tinyint(1) not null,
    create_time datetime(3) not null,
    seen_time datetime(3) not null,
    resolve_time datetime(3) null,
    steps int not null,
    primary key (alert_id),
    unique alerts_once (rule_id, subject, period),
    index alerts_state (state, alert_id)
  ) ${IN_OUR_WAY}`,
  `create table if not exists alert_steps (
    alert_id varchar(63) not null,
    sequence int unsigned not null,
    move varchar(24) not null,
    severity varchar(24) not null,
    observed bigint not null,
    actor varchar(63) not null,
    note varchar(1000) not null,
    create_time datetime(3) not null,
    primary key (alert_id, sequence)
  ) ${IN_OUR_WAY}`,
  `create table if not exists alert_silences (
    silence_id varchar(63) not null,
    rule_id varchar(24) not null,
    subject varchar(160) not null,
    until_time datetime(3) not null,
    reason varchar(1000) not null,
    caller varchar(63) not null,
    create_time datetime(3) not null,
    primary key (silence_id),
    index alert_silences_until (until_time)
  ) ${IN_OUR_WAY}`,
];

/** What has happened is not changed; a correction is another row. */
const LEDGERS = ["budgets", "alert_rules", "alert_steps", "alert_silences"];

const WRITTEN_ONCE = LEDGERS.flatMap((table) =>
  ["update", "delete"].map(
    (word) => `create trigger if not exists ${table}_no_${word} before ${word} on ${table}
  for each row signal sqlstate '45000'
  set message_text = '${table} is append-only: rows are never changed or removed'`,
  ),
);

export class Migration20261123000015_alerts extends Migration {
  override up(): void {
    for (const statement of [...TABLES, ...WRITTEN_ONCE]) this.addSql(statement);
  }

  /** DDL commits by itself and the service handles money: the way is forward only. */
  override isTransactional(): boolean {
    return false;
  }
}
