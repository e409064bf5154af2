import { Migration } from "@mikro-orm/migrations";

/* Plans in versions, and packs; frozen as it is. Plans that were there are the first version, for sale. */

const IN_OUR_WAY = "default character set utf8mb4 collate utf8mb4_bin engine = InnoDB";

const VERSIONED = `alter table plans
  add column version int unsigned not null default 1 after plan_id,
  add column rollover varchar(24) not null default 'NONE',
  add column state varchar(24) not null default 'PUBLISHED',
  drop primary key, add primary key (plan_id, version)`;

/** What is written from now on says all of it. */
const EXPLICIT = `alter table plans
  alter column version drop default, alter column rollover drop default, alter column state drop default`;

const PACKS = `create table if not exists packs (
  pack_id varchar(63) not null,
  version int unsigned not null,
  display_name varchar(64) not null,
  price_fen bigint not null,
  quota_amount bigint not null,
  quota_priority int not null,
  valid_days int not null,
  state varchar(24) not null,
  create_time datetime(3) not null,
  primary key (pack_id, version),
  constraint packs_price_positive check (price_fen >= 1)
) ${IN_OUR_WAY}`;

const CAMPAIGNS = [
  `create table if not exists campaigns (
    campaign_id varchar(63) not null,
    version int unsigned not null,
    display_name varchar(64) not null,
    quota_amount bigint not null,
    quota_priority int not null,
    valid_days int not null,
    start_time datetime(3) not null,
    end_time datetime(3) not null,
    budget_amount bigint not null,
    per_user_limit int not null,
    state varchar(24) not null,
    create_time datetime(3) not null,
    primary key (campaign_id, version)
  ) ${IN_OUR_WAY}`,
  `create table if not exists campaign_budgets (
    campaign_id varchar(63) not null,
    spent_amount bigint not null,
    primary key (campaign_id),
    constraint campaign_budgets_not_negative check (spent_amount >= 0)
  ) ${IN_OUR_WAY}`,
  `create table if not exists campaign_redemptions (
    campaign_id varchar(63) not null,
    user_id varchar(63) not null,
    number int unsigned not null,
    grant_id varchar(63) not null,
    amount bigint not null,
    create_time datetime(3) not null,
    primary key (campaign_id, user_id, number)
  ) ${IN_OUR_WAY}`,
];

/** Ledgers: what has happened is not changed; a correction is another row. */
const WRITTEN_ONCE = ["update", "delete"].map(
  (word) => `create trigger if not exists campaign_redemptions_no_${word}
  before ${word} on campaign_redemptions for each row signal sqlstate '45000'
  set message_text = 'campaign_redemptions is append-only: rows are never changed or removed'`,
);

export class Migration20261123000006_products extends Migration {
  override async up(): Promise<void> {
    const found = await this.execute(
      `select 1 from information_schema.columns
        where table_schema = database() and table_name = 'plans' and column_name = 'version'`,
    );
    if (found.length === 0) this.addSql(VERSIONED);
    this.addSql(EXPLICIT);
    for (const statement of [PACKS, ...CAMPAIGNS, ...WRITTEN_ONCE]) this.addSql(statement);
  }

  /** DDL commits by itself and the service handles money: the way is forward only. */
  override isTransactional(): boolean {
    return false;
  }
}
