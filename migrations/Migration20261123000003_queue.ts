import { Migration } from "@mikro-orm/migrations";

/*
 * The message queue: the outbox, and what is owed to each receiver. Frozen, as all migrations are;
 * each statement can be run again.
 */

const IN_OUR_WAY = "default character set utf8mb4 collate utf8mb4_bin engine = InnoDB";

const TABLES = [
  `create table if not exists outbox_events (
    event_id varchar(63) not null,
    user_id varchar(63) null,
    type varchar(63) not null,
    subject varchar(63) not null,
    payload text not null,
    create_time datetime(3) not null,
    publish_time datetime(3) null,
    primary key (event_id),
    index outbox_events_unpublished (publish_time, event_id)
  ) ${IN_OUR_WAY}`,
  `create table if not exists webhook_deliveries (
    event_id varchar(63) not null,
    endpoint varchar(63) not null,
    state varchar(24) not null,
    attempts int not null,
    replays int not null,
    next_try_time datetime(3) not null,
    last_try_time datetime(3) null,
    last_status int null,
    last_error varchar(255) null,
    body_sha256 varchar(64) null,
    create_time datetime(3) not null,
    end_time datetime(3) null,
    primary key (event_id, endpoint),
    index webhook_deliveries_due (state, endpoint, next_try_time)
  ) ${IN_OUR_WAY}`,
];

export class Migration20261123000003_queue extends Migration {
  override up(): void {
    for (const statement of TABLES) this.addSql(statement);
  }

  /** DDL commits by itself and the service handles money: the way is forward only. */
  override isTransactional(): boolean {
    return false;
  }
}
