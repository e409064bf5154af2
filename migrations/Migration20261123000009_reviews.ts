import { Migration } from "@mikro-orm/migrations";

/* Reviews that were made; frozen as it is. */

const IN_OUR_WAY = "default character set utf8mb4 collate utf8mb4_bin engine = InnoDB";

const REVIEWS = `create table if not exists reviews (
  review_id varchar(63) not null,
  kind varchar(24) not null,
  subject varchar(512) not null,
  verdict varchar(24) not null,
  lock_policy varchar(24) not null,
  finding_count int not null,
  content_sha256 varchar(64) not null,
  request_sha256 varchar(64) null,
  reviewer varchar(63) not null,
  result mediumblob not null,
  caller varchar(63) not null,
  create_time datetime(3) not null,
  primary key (review_id),
  unique key reviews_request (request_sha256),
  key reviews_kind (kind, verdict, review_id),
  key reviews_subject (subject, review_id)
) ${IN_OUR_WAY}`;

/** What was said stays said. */
const WRITTEN_ONCE = ["update", "delete"].map(
  (word) => `create trigger if not exists reviews_no_${word}
  before ${word} on reviews for each row signal sqlstate '45000'
  set message_text = 'reviews is append-only: rows are never changed or removed'`,
);

export class Migration20261123000009_reviews extends Migration {
  override async up(): Promise<void> {
    for (const statement of [REVIEWS, ...WRITTEN_ONCE]) this.addSql(statement);
  }

  /** DDL commits by itself and the service handles money: the way is forward only. */
  override isTransactional(): boolean {
    return false;
  }
}
