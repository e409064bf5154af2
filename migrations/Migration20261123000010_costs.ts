import { Migration } from "@mikro-orm/migrations";

/*
 * What vendors charge: costs, unit prices, bills. Frozen, as all migrations are; each statement can be run again.
 */

const IN_OUR_WAY = "default character set utf8mb4 collate utf8mb4_bin engine = InnoDB";

const TABLES = [
  `create table if not exists vendor_costs (
    cost_id varchar(63) not null,
    batch_id varchar(63) not null,
    vendor varchar(63) not null,
    service varchar(63) not null,
    user_id varchar(63) null,
    feature_id varchar(63) null,
    task_id varchar(63) null,
    reservation_id varchar(63) null,
    quantity bigint null,
    unit varchar(24) not null,
    amount_micro_yuan bigint not null,
    day varchar(10) not null,
    occur_time datetime(3) not null,
    external_id varchar(128) null,
    create_time datetime(3) not null,
    primary key (cost_id),
    unique vendor_costs_external (vendor, external_id),
    index vendor_costs_day (day, vendor, service),
    index vendor_costs_user (user_id, day),
    index vendor_costs_task (task_id)
  ) ${IN_OUR_WAY}`,
  `create table if not exists unit_prices (
    vendor varchar(63) not null,
    service varchar(63) not null,
    version int unsigned not null,
    unit varchar(24) not null,
    price_micro_yuan bigint not null,
    per_quantity bigint not null,
    effective_time datetime(3) not null,
    caller varchar(63) not null,
    create_time datetime(3) not null,
    primary key (vendor, service, version),
    constraint unit_prices_sane check (price_micro_yuan >= 0 and per_quantity >= 1)
  ) ${IN_OUR_WAY}`,
  `create table if not exists vendor_bills (
    bill_id varchar(63) not null,
    vendor varchar(63) not null,
    month varchar(10) not null,
    line_count int not null,
    amount_micro_yuan bigint not null,
    content_sha256 varchar(64) not null,
    caller varchar(63) not null,
    create_time datetime(3) not null,
    primary key (bill_id),
    unique vendor_bills_content (vendor, month, content_sha256)
  ) ${IN_OUR_WAY}`,
  `create table if not exists vendor_bill_lines (
    bill_id varchar(63) not null,
    line int unsigned not null,
    service varchar(63) not null,
    amount_micro_yuan bigint not null,
    external_id varchar(128) null,
    primary key (bill_id, line)
  ) ${IN_OUR_WAY}`,
];

/** Ledgers: what has happened is not changed; a correction is another row. */
const LEDGERS = ["vendor_costs", "unit_prices", "vendor_bills", "vendor_bill_lines"];

const WRITTEN_ONCE = LEDGERS.flatMap((table) =>
  ["update", "delete"].map(
    (word) => `create trigger if not exists ${table}_no_${word} before ${word} on ${table}
  for each row signal sqlstate '45000'
  set message_text = '${table} is append-only: rows are never changed or removed'`,
  ),
);

export class Migration20261123000010_costs extends Migration {
  override up(): void {
    for (const statement of [...TABLES, ...WRITTEN_ONCE]) this.addSql(statement);
  }

  /** DDL commits by itself and the service handles money: the way is forward only. */
  override isTransactional(): boolean {
    return false;
  }
}
