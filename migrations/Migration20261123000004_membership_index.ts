import { Migration } from "@mikro-orm/migrations";

/*
 * Lists of memberships are read page by page in the order of users, of one state each, and what else they
 * ask for stands in the index too. Reservations change none of its columns.
 */

const INDEX = "users_listing";
const COLUMNS = "state, user_id, membership_until, on_trial";

export class Migration20261123000004_membership_index extends Migration {
  override async up(): Promise<void> {
    const found = await this.execute(
      `select 1 from information_schema.statistics
        where table_schema = database() and table_name = 'users' and index_name = '${INDEX}'`,
    );
    if (found.length === 0) this.addSql(`create index ${INDEX} on users (${COLUMNS})`);
  }

  /** DDL commits by itself and the service handles money: the way is forward only. */
  override isTransactional(): boolean {
    return false;
  }
}
