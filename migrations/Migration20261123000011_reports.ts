import { Migration } from "@mikro-orm/migrations";

/*
 * Reports, and the indexes by which a day's orders and refunds are found. Frozen, as all migrations are; each
 * statement can be run again.
 */

const TABLES = [
  `create table if not exists billing_reports (
    report_id varchar(63) not null,
    period varchar(24) not null,
    date varchar(10) not null,
    version int unsigned not null,
    supersedes varchar(63) null,
    content mediumblob not null,
    content_sha256 varchar(64) not null,
    caller varchar(63) not null,
    create_time datetime(3) not null,
    primary key (report_id),
    unique billing_reports_version (period, date, version)
  ) default character set utf8mb4 collate utf8mb4_bin engine = InnoDB`,
];

/** What was said stays said. */
const WRITTEN_ONCE = ["update", "delete"].map(
  (word) => `create trigger if not exists billing_reports_no_${word} before ${word} on billing_reports
  for each row signal sqlstate '45000'
  set message_text = 'billing_reports is append-only: rows are never changed or removed'`,
);

const INDEXES = [
  ["orders", "orders_closed", "close_time"],
  ["refunds", "refunds_success", "success_time"],
] as const;

export class Migration20261123000011_reports extends Migration {
  override async up(): Promise<void> {
    for (const statement of [...TABLES, ...WRITTEN_ONCE]) this.addSql(statement);
    for (const [table, index, columns] of INDEXES) {
      const found = await this.execute(
        `select 1 from information_schema.statistics
          where table_schema = database() and table_name = '${table}' and index_name = '${index}'`,
      );
      if (found.length === 0) this.addSql(`create index ${index} on ${table} (${columns})`);
    }
  }

  /** DDL commits by itself and the service handles money: the way is forward only. */
  override isTransactional(): boolean {
    return false;
  }
}
