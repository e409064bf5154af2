import { Migration } from "@mikro-orm/migrations";

/* Orders, payments, refunds and the inbox of what WeChat Pay tells; frozen as it is. */

const IN_OUR_WAY = "default character set utf8mb4 collate utf8mb4_bin engine = InnoDB";

const TABLES = [
  `create table if not exists orders (
    order_id varchar(63) not null,
    user_id varchar(63) not null,
    kind varchar(24) not null,
    product_id varchar(63) not null,
    product_version int not null,
    product text not null,
    quantity int not null,
    channel varchar(24) not null,
    amount_fen bigint not null,
    payer_openid_sealed varchar(1000) null,
    client_ip_sealed varchar(1000) null,
    create_time datetime(3) not null,
    expire_time datetime(3) not null,
    state varchar(24) not null,
    prepay_sealed text null,
    prepay_expire_time datetime(3) null,
    pay_time datetime(3) null,
    close_time datetime(3) null,
    payment_id varchar(63) null,
    refunded_fen bigint not null,
    granted_amount bigint not null,
    revoked_amount bigint not null,
    membership_start_time datetime(3) null,
    membership_end_time datetime(3) null,
    steps int not null,
    next_check_time datetime(3) null,
    checks int not null,
    primary key (order_id),
    index orders_user (user_id, order_id),
    index orders_state (state, order_id),
    index orders_check (next_check_time),
    constraint orders_amounts check (
      amount_fen >= 1 and refunded_fen >= 0 and refunded_fen <= amount_fen and
      revoked_amount >= 0 and revoked_amount <= granted_amount
    )
  ) ${IN_OUR_WAY}`,
  `create table if not exists payments (
    payment_id varchar(63) not null,
    order_id varchar(63) not null,
    user_id varchar(63) not null,
    transaction_index varchar(63) not null,
    amount_fen bigint not null,
    currency varchar(24) not null,
    pay_time datetime(3) not null,
    disposition varchar(24) not null,
    source varchar(24) not null,
    note varchar(255) not null,
    create_time datetime(3) not null,
    primary key (payment_id),
    index payments_order (order_id),
    index payments_time (create_time),
    unique payments_transaction (transaction_index)
  ) ${IN_OUR_WAY}`,
  `create table if not exists payment_numbers (
    payment_id varchar(63) not null,
    transaction_sealed varchar(1000) not null,
    primary key (payment_id)
  ) ${IN_OUR_WAY}`,
  `create table if not exists refunds (
    refund_id varchar(63) not null,
    order_id varchar(63) not null,
    user_id varchar(63) not null,
    payment_id varchar(63) not null,
    amount_fen bigint not null,
    reason varchar(80) not null,
    automatic tinyint(1) not null,
    create_time datetime(3) not null,
    state varchar(24) not null,
    revoked_amount bigint not null,
    revocation text not null,
    provider_refund_id varchar(63) null,
    success_time datetime(3) null,
    obstacle varchar(255) not null,
    steps int not null,
    next_check_time datetime(3) null,
    checks int not null,
    primary key (refund_id),
    index refunds_order (order_id),
    index refunds_user (user_id, refund_id),
    index refunds_state (state, refund_id),
    index refunds_check (next_check_time),
    constraint refunds_amounts check (amount_fen >= 1 and revoked_amount >= 0)
  ) ${IN_OUR_WAY}`,
  `create table if not exists order_steps (
    subject_id varchar(63) not null,
    sequence int unsigned not null,
    user_id varchar(63) not null,
    from_state varchar(24) not null,
    to_state varchar(24) not null,
    source varchar(24) not null,
    actor varchar(63) not null,
    note varchar(255) not null,
    create_time datetime(3) not null,
    primary key (subject_id, sequence)
  ) ${IN_OUR_WAY}`,
  `create table if not exists payment_inbox (
    inbox_id varchar(63) not null,
    content_index varchar(63) not null,
    kind varchar(24) not null,
    subject_id varchar(63) not null,
    content_sealed text not null,
    state varchar(24) not null,
    note varchar(255) not null,
    attempts int not null,
    create_time datetime(3) not null,
    next_try_time datetime(3) null,
    end_time datetime(3) null,
    primary key (inbox_id),
    unique payment_inbox_content (content_index),
    index payment_inbox_try (next_try_time),
    index payment_inbox_subject (subject_id)
  ) ${IN_OUR_WAY}`,
];

/** One column a statement, each only where it is missing: a migration that was killed is run again. */
const USER_COLUMNS = [
  ["membership_anchor_time", "datetime(3) null"],
  ["membership_anchor_months", "int not null default 0"],
] as const;

/** Ledgers: what has happened is not changed; a correction is another row. */
const LEDGERS = ["payments", "order_steps"];

const WRITTEN_ONCE = LEDGERS.flatMap((table) =>
  ["update", "delete"].map(
    (word) => `create trigger if not exists ${table}_no_${word} before ${word} on ${table}
  for each row signal sqlstate '45000'
  set message_text = '${table} is append-only: rows are never changed or removed'`,
  ),
);

export class Migration20261123000002_orders extends Migration {
  override async up(): Promise<void> {
    for (const [column, type] of USER_COLUMNS) {
      const found = await this.execute(
        `select 1 from information_schema.columns
          where table_schema = database() and table_name = 'users' and column_name = '${column}'`,
      );
      if (found.length === 0) this.addSql(`alter table users add column ${column} ${type}`);
    }
    for (const statement of [...TABLES, ...WRITTEN_ONCE]) this.addSql(statement);
  }

  /** DDL commits by itself and the service handles money: the way is forward only. */
  override isTransactional(): boolean {
    return false;
  }
}
