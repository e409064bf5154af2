/** After each run: what was acknowledged is in the books, all of it, once, and nothing else. */
import type { Row } from "../src/store/cell.ts";
import type { Tally } from "./load.ts";
import type { Database } from "./place.ts";

/** The last rows before a run. Ids are in the order of time, so all later ones are the run's. */
export interface Mark {
  readonly reservationId: string;
  readonly operationId: string;
}

export async function markLedger(database: Database, schema: string): Promise<Mark> {
  const [row] = await database.sql(
    schema,
    `select (select coalesce(max(reservation_id), '') from quota_reservations) as reservation_id,
      (select coalesce(max(operation_id), '') from quota_logs) as operation_id`,
  );
  return {
    reservationId: row!["reservation_id"] as string,
    operationId: row!["operation_id"] as string,
  };
}

/**
 * Compares the rows since the mark with what the callers were told. Calls whose outcome nobody was
 * told may or may not have happened; everything else must.
 * @throws Error that says what differs
 */
export async function checkLedger(
  database: Database,
  schema: string,
  mark: Mark,
  tally: Tally,
): Promise<void> {
  const { reserved, committed, refunded, unknown, idSum } = tally;
  const [rows] = await database.sql(
    schema,
    `select count(*) as made, coalesce(sum(crc32(reservation_id)) mod 4294967296, 0) as id_sum
      from quota_reservations where reservation_id > '${mark.reservationId}'`,
  );
  const logged = await countByType(database, schema, mark);
  const compare = (what: string, found: number, told: number) => {
    if (found >= told && found <= told + unknown) return;
    throw new Error(`${schema}: ${told} ${what} were acknowledged, and ${found} are in the books`);
  };
  compare("reservations", Number(rows!["made"]), reserved);
  compare("RESERVE log rows", logged.get("RESERVE") ?? 0, reserved);
  compare("COMMIT log rows", logged.get("COMMIT") ?? 0, committed);
  compare("REFUND log rows", logged.get("REFUND") ?? 0, refunded);
  if (unknown === 0 && Number(rows!["id_sum"]) !== idSum) {
    throw new Error(`${schema}: the ids in the books are not those that were acknowledged`);
  }
}

async function countByType(
  database: Database,
  schema: string,
  { operationId }: Mark,
): Promise<Map<string, number>> {
  const rows = await database.sql(
    schema,
    `select type, count(*) as made from quota_logs
      where operation_id > '${operationId}' group by type`,
  );
  return new Map(rows.map((row) => [row["type"] as string, Number(row["made"])]));
}

/** Each names the users whose books disagree. All of them read each table once. */
const RULES: Readonly<Record<string, string>> = {
  "a balance is what is left in the lots": `
    select u.user_id from users u join (
      select user_id, sum(remaining) total from quota_grants where state = 'OPEN' group by user_id
    ) g on g.user_id = u.user_id where g.total <> u.quota_remaining`,
  "what is held is the sum of the open holds": `
    select u.user_id from users u left join (
      select user_id, sum(amount) total from quota_reservations where state = 'HELD'
      group by user_id
    ) r on r.user_id = u.user_id where coalesce(r.total, 0) <> u.quota_held`,
  "the log adds up to the balances and has no gap": `
    select u.user_id from users u left join (
      select user_id, sum(available_change) available, sum(held_change) held, count(*) made,
        max(sequence) last
      from quota_logs group by user_id
    ) l on l.user_id = u.user_id
    where l.user_id is null or l.available <> u.quota_remaining or l.held <> u.quota_held
      or l.made <> u.log_sequence or l.last <> u.log_sequence`,
};

/** @throws Error that names the rule that is broken, and some users */
export async function checkBooks(database: Database, schema: string): Promise<void> {
  for (const [rule, sql] of Object.entries(RULES)) {
    const found: Row[] = await database.sql(schema, `${sql} limit 5`);
    if (found.length === 0) continue;
    const users = found.map((row) => String(row["user_id"])).join(", ");
    throw new Error(`${schema}: ${rule}: not so for ${users}`);
  }
}
