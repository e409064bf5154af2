import { Migration } from "@mikro-orm/migrations";

/*
 * Memberships as they were last recorded, and the record itself; frozen as it is. Users who are there
 * already get the state that they have now; their record begins with what comes next.
 */

const IN_OUR_WAY = "default character set utf8mb4 collate utf8mb4_bin engine = InnoDB";

const TABLES = [
  `create table if not exists membership_transitions (
    user_id varchar(63) not null,
    sequence int unsigned not null,
    event varchar(24) not null,
    from_state varchar(24) not null,
    to_state varchar(24) not null,
    end_before datetime(3) null,
    end_after datetime(3) null,
    plan_id varchar(63) null,
    order_id varchar(63) null,
    refund_id varchar(63) null,
    campaign_id varchar(63) null,
    source varchar(24) not null,
    actor varchar(63) not null,
    note varchar(255) not null,
    create_time datetime(3) not null,
    primary key (user_id, sequence),
    index membership_transitions_time (create_time, event)
  ) ${IN_OUR_WAY}`,
];

/** One column a statement, each only where it is missing: a migration that was killed is run again. */
const USER_COLUMNS = [
  ["membership_state", "varchar(24) not null default 'NONE'"],
  ["membership_steps", "int not null default 0"],
  ["expiry_told", "tinyint(1) not null default 0"],
] as const;

const USER_INDEXES = [
  ["users_membership", "membership_state, membership_until"],
  ["users_expiry", "expiry_told, membership_state, membership_until"],
] as const;

const USER_STATES = `update users
  set membership_state = case
    when membership_until <= utc_timestamp(3) then 'LAPSED' when on_trial then 'TRIAL' else 'ACTIVE' end
  where membership_state = 'NONE' and membership_until is not null`;

const WRITTEN_ONCE = ["update", "delete"].map(
  (word) => `create trigger if not exists membership_transitions_no_${word}
  before ${word} on membership_transitions
  for each row signal sqlstate '45000'
  set message_text = 'membership_transitions is append-only: rows are never changed or removed'`,
);

export class Migration20261123000007_membership extends Migration {
  override async up(): Promise<void> {
    for (const [column, type] of USER_COLUMNS) {
      const found = await this.execute(
        `select 1 from information_schema.columns
          where table_schema = database() and table_name = 'users' and column_name = '${column}'`,
      );
      if (found.length === 0) this.addSql(`alter table users add column ${column} ${type}`);
    }
    for (const [index, columns] of USER_INDEXES) {
      const found = await this.execute(
        `select 1 from information_schema.statistics
          where table_schema = database() and table_name = 'users' and index_name = '${index}'`,
      );
      if (found.length === 0) this.addSql(`create index ${index} on users (${columns})`);
    }
    for (const statement of [USER_STATES, ...TABLES, ...WRITTEN_ONCE]) this.addSql(statement);
  }

  /** DDL commits by itself and the service handles money: the way is forward only. */
  override isTransactional(): boolean {
    return false;
  }
}
