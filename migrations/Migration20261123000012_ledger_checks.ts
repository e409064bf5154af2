import { Migration } from "@mikro-orm/migrations";

/*
 * Whose turn a job is that one server does at a time, and what the checks of the ledgers came to. Frozen, as
 * all migrations are; each statement can be run again.
 */

const IN_OUR_WAY = "default character set utf8mb4 collate utf8mb4_bin engine = InnoDB";

const TABLES = [
  `create table if not exists job_turns (
    job varchar(63) not null,
    owner varchar(63) not null,
    lease_until datetime(3) not null,
    done_time datetime(3) not null,
    primary key (job)
  ) ${IN_OUR_WAY}`,
  `create table if not exists ledger_checks (
    check_id varchar(63) not null,
    owner varchar(63) not null,
    start_time datetime(3) not null,
    end_time datetime(3) not null,
    rule_count int not null,
    row_count bigint not null,
    break_count bigint not null,
    findings mediumtext not null,
    primary key (check_id),
    index ledger_checks_time (end_time)
  ) ${IN_OUR_WAY}`,
];

const WRITTEN_ONCE = ["update", "delete"].map(
  (word) => `create trigger if not exists ledger_checks_no_${word} before ${word} on ledger_checks
  for each row signal sqlstate '45000'
  set message_text = 'ledger_checks is append-only: rows are never changed or removed'`,
);

export class Migration20261123000012_ledger_checks extends Migration {
  override up(): void {
    for (const statement of [...TABLES, ...WRITTEN_ONCE]) this.addSql(statement);
  }

  /** DDL commits by itself and the service handles money: the way is forward only. */
  override isTransactional(): boolean {
    return false;
  }
}
