import { Migration } from "@mikro-orm/migrations";

/*
 * The provider's bills: the days to be checked, each bill with its lines, and what differs from the books.
 * Frozen, as all migrations are; each statement can be run again.
 */

const IN_OUR_WAY = "default character set utf8mb4 collate utf8mb4_bin engine = InnoDB";

const TABLES = [
  `create table if not exists bill_days (
    bill_date varchar(10) not null,
    type varchar(24) not null,
    state varchar(24) not null,
    attempts int not null,
    next_try_time datetime(3) null,
    note varchar(255) not null,
    create_time datetime(3) not null,
    end_time datetime(3) null,
    primary key (bill_date, type),
    index bill_days_due (next_try_time)
  ) ${IN_OUR_WAY}`,
  `create table if not exists bill_imports (
    bill_id varchar(63) not null,
    bill_date varchar(10) not null,
    type varchar(24) not null,
    sha1 varchar(40) not null,
    state varchar(24) not null,
    line_count int not null,
    order_fen bigint not null,
    refund_fen bigint not null,
    fee_micro_yuan bigint not null,
    settled_count int not null,
    create_time datetime(3) not null,
    check_time datetime(3) not null,
    primary key (bill_id),
    unique bill_imports_content (bill_date, type, sha1)
  ) ${IN_OUR_WAY}`,
  `create table if not exists bill_rows (
    bill_id varchar(63) not null,
    line int unsigned not null,
    kind varchar(24) not null,
    time datetime(3) not null,
    order_id varchar(64) not null,
    transaction_index varchar(63) not null,
    refund_id varchar(64) null,
    amount_fen bigint not null,
    fee_micro_yuan bigint not null,
    status varchar(24) not null,
    primary key (bill_id, line),
    index bill_rows_transaction (transaction_index),
    index bill_rows_refund (refund_id)
  ) ${IN_OUR_WAY}`,
  `create table if not exists bill_findings (
    finding_id varchar(63) not null,
    bill_id varchar(63) not null,
    kind varchar(24) not null,
    order_id varchar(64) not null,
    refund_id varchar(64) null,
    subject varchar(64) not null,
    line int null,
    amount_here_fen bigint null,
    amount_there_fen bigint null,
    note varchar(255) not null,
    create_time datetime(3) not null,
    clear_time datetime(3) null,
    primary key (finding_id),
    unique bill_findings_subject (bill_id, kind, order_id, subject),
    index bill_findings_order (order_id)
  ) ${IN_OUR_WAY}`,
];

/** What a bill said is not changed. */
const WRITTEN_ONCE = ["update", "delete"].map(
  (word) => `create trigger if not exists bill_rows_no_${word} before ${word} on bill_rows
  for each row signal sqlstate '45000'
  set message_text = 'bill_rows is append-only: rows are never changed or removed'`,
);

/** Bills go by the day of payment, not by the day on which it was booked. */
const PAY_TIME_INDEX = "payments_pay_time";

export class Migration20261123000008_bills extends Migration {
  override async up(): Promise<void> {
    for (const statement of [...TABLES, ...WRITTEN_ONCE]) this.addSql(statement);
    const found = await this.execute(
      `select 1 from information_schema.statistics
        where table_schema = database() and table_name = 'payments' and index_name = '${PAY_TIME_INDEX}'`,
    );
    if (found.length > 0) return;
    this.addSql(`create index ${PAY_TIME_INDEX} on payments (pay_time, payment_id)`);
  }

  /** DDL commits by itself and the service handles money: the way is forward only. */
  override isTransactional(): boolean {
    return false;
  }
}
