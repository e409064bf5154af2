import { Migration } from "@mikro-orm/migrations";

/*
 * Work on differences between bills and books, and the lines of fund-flow bills. Frozen, as all migrations are;
 * each statement can be run again.
 */

const IN_OUR_WAY = "default character set utf8mb4 collate utf8mb4_bin engine = InnoDB";

const TABLES = [
  `create table if not exists discrepancy_steps (
    finding_id varchar(63) not null,
    sequence int unsigned not null,
    kind varchar(24) not null,
    assignee varchar(63) null,
    note varchar(1000) not null,
    actor varchar(63) not null,
    create_time datetime(3) not null,
    primary key (finding_id, sequence)
  ) ${IN_OUR_WAY}`,
  `create table if not exists fund_flow_rows (
    bill_id varchar(63) not null,
    line int unsigned not null,
    kind varchar(24) not null,
    time datetime(3) not null,
    business_index varchar(63) not null,
    flow_id varchar(64) not null,
    business_name varchar(64) not null,
    order_id varchar(64) null,
    refund_id varchar(64) null,
    amount_fen bigint not null,
    balance_fen bigint not null,
    primary key (bill_id, line),
    index fund_flow_rows_business (business_index),
    index fund_flow_rows_refund (refund_id)
  ) ${IN_OUR_WAY}`,
];

/** What was done and what a bill said is not changed. */
const WRITTEN_ONCE = ["discrepancy_steps", "fund_flow_rows"].flatMap((table) =>
  ["update", "delete"].map(
    (word) => `create trigger if not exists ${table}_no_${word} before ${word} on ${table}
  for each row signal sqlstate '45000'
  set message_text = '${table} is append-only: rows are never changed or removed'`,
  ),
);

/** In one statement: after a kill there are all of them or none. */
const WORK_COLUMNS = `alter table bill_findings
  add column state varchar(24) not null default 'OPEN',
  add column assignee varchar(63) null,
  add column steps int not null default 0,
  add column amount_here_micro_yuan bigint null,
  add column amount_there_micro_yuan bigint null,
  add index bill_findings_state (state, finding_id)`;

export class Migration20261123000013_reconciliation extends Migration {
  override async up(): Promise<void> {
    for (const statement of [...TABLES, ...WRITTEN_ONCE]) this.addSql(statement);
    const found = await this.execute(
      `select 1 from information_schema.columns
        where table_schema = database() and table_name = 'bill_findings' and column_name = 'steps'`,
    );
    if (found.length === 0) this.addSql(WORK_COLUMNS);
  }

  /** DDL commits by itself and the service handles money: the way is forward only. */
  override isTransactional(): boolean {
    return false;
  }
}
