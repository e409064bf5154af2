import { Migration } from "@mikro-orm/migrations";

/* Pipelines in versions, and what has happened to each version; frozen as it is. */

const IN_OUR_WAY = "default character set utf8mb4 collate utf8mb4_bin engine = InnoDB";

const TABLES = [
  `create table if not exists pipeline_versions (
    pipeline_id varchar(63) not null,
    version int unsigned not null,
    path varchar(255) not null,
    format varchar(24) not null,
    content mediumtext not null,
    content_sha256 varchar(64) not null,
    feature_ids text not null,
    created_by varchar(63) not null,
    create_time datetime(3) not null,
    primary key (pipeline_id, version)
  ) ${IN_OUR_WAY}`,
  `create table if not exists pipeline_steps (
    pipeline_id varchar(63) not null,
    version int unsigned not null,
    number int unsigned not null,
    state varchar(24) not null,
    verdict varchar(24) null,
    findings mediumtext null,
    actor varchar(63) not null,
    create_time datetime(3) not null,
    primary key (pipeline_id, version, number)
  ) ${IN_OUR_WAY}`,
];

/** A version's text never changes, and its state is the last step that was added. */
const WRITTEN_ONCE = ["pipeline_versions", "pipeline_steps"].flatMap((table) =>
  ["update", "delete"].map(
    (word) => `create trigger if not exists ${table}_no_${word} before ${word} on ${table}
  for each row signal sqlstate '45000'
  set message_text = '${table} is append-only: rows are never changed or removed'`,
  ),
);

export class Migration20261123000014_pipelines extends Migration {
  override up(): void {
    for (const statement of [...TABLES, ...WRITTEN_ONCE]) this.addSql(statement);
  }

  /** DDL commits by itself and the service handles money: the way is forward only. */
  override isTransactional(): boolean {
    return false;
  }
}
