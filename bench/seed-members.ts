/**
 * Members and their past, made by the database itself: as many rows as years of use would leave, in
 * minutes. The books agree from the first row on. Rows are written movement by movement, so those
 * of one user lie as far apart as years of use would put them.
 */
import { FEATURE_ID, GRANTED_AMOUNT, USER_DIGITS, userIdOf } from "./books.ts";
import type { Database } from "./place.ts";

/** How many users one statement is about: a transaction of some ten megabytes. */
const USERS_PER_STATEMENT = 50_000;
/** Years, so that nothing lapses in a run. */
const VALID_YEARS = 5;

/** Users by number, from `from` up to and without `to`, of `users` altogether. */
interface Range {
  readonly users: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Writes members numbered from 0. Each was granted a lot, then reserved and committed in turn until
 * the log has so many rows; an even number leaves one hold open.
 * @param logRowsPerUser from 1, the grant
 */
export async function seedMembers(
  database: Database,
  schema: string,
  users: number,
  logRowsPerUser: number,
): Promise<void> {
  const run = (text: string) => database.sql(schema, text);
  // The binary log of what was made up is of use to nobody.
  await run("set session sql_log_bin = 0");
  await run("set session transaction isolation level read committed");
  const ranges = Array.from({ length: Math.ceil(users / USERS_PER_STATEMENT) }, (_, at) => ({
    users,
    from: at * USERS_PER_STATEMENT,
    to: Math.min(users, (at + 1) * USERS_PER_STATEMENT),
  }));
  for (const range of ranges) await run(usersSql(range, logRowsPerUser));
  for (const range of ranges) await run(grantsSql(range, logRowsPerUser));
  for (let sequence = 1; sequence <= logRowsPerUser; sequence++) {
    const isOpen = sequence === logRowsPerUser;
    for (const range of ranges) {
      await run(logsSql(range, sequence));
      if (movementOf(sequence) === "RESERVE") await run(reservationsSql(range, sequence, isOpen));
    }
  }
  for (const table of ["users", "quota_grants", "quota_logs", "quota_reservations"]) {
    await run(`analyze table ${table}`);
  }
  await run("set session sql_log_bin = 1");
}

/** Row 1 is the grant; then reserve and commit take turns. */
function movementOf(sequence: number): "GRANT" | "RESERVE" | "COMMIT" {
  if (sequence === 1) return "GRANT";
  return sequence % 2 === 0 ? "RESERVE" : "COMMIT";
}

/** What a user has after so many rows of the log. */
function balanceAfter(sequence: number) {
  const reserved = Math.floor(sequence / 2);
  const committed = Math.floor((sequence - 1) / 2);
  return { available: GRANTED_AMOUNT - BigInt(reserved), held: reserved - committed };
}

/** The number of a user, from the id. */
const NUMBER = "cast(substr(user_id, 2) as unsigned)";
/** The time of the past is before all ids that a run makes, so that new rows come last. */
const PAST = "01H";
const PAST_DIGITS = 19;

/** An id as ours are: prefix, time, and two letters for the user's group, which nobody asks for. */
function idSql(prefix: string, number: string): string {
  return `concat('${prefix}_${PAST}', lpad(${number}, ${PAST_DIGITS}, '0'), '00')`;
}

/** Makes one row of each row of a source; the values are SQL. */
function insertSelect(table: string, values: SqlRow, from: string): string {
  const columns = Object.keys(values).join(", ");
  return `insert into ${table} (${columns}) select ${Object.values(values).join(", ")} ${from}`;
}

type SqlRow = Readonly<Record<string, string | number | bigint>>;
const NOW = "utc_timestamp(3)";
const NEVER = `${NOW} + interval ${VALID_YEARS} year`;
/** The lot of a user: there is one. */
const GRANT_ID = idSql("grt", NUMBER);

function usersSql(range: Range, logRows: number): string {
  const { available, held } = balanceAfter(logRows);
  const values = {
    user_id: `concat('u', lpad(n, ${USER_DIGITS}, '0'))`,
    state: "'ACTIVE'",
    suspend_reason: "''",
    plan_id: "'membership-monthly'",
    on_trial: 0,
    membership_start_time: NOW,
    membership_until: NEVER,
    membership_state: "'ACTIVE'",
    quota_remaining: available,
    quota_held: held,
    log_sequence: logRows,
    create_time: NOW,
  };
  return insertSelect("users", values, `from (${numbersSql(range)}) numbers`);
}

/** The numbers of the range, without a table to count with. */
function numbersSql({ from, to }: Range): string {
  const digits = Array.from({ length: 10 }, (_, digit) => `select ${digit} d`).join(" union all ");
  const powers = Array.from({ length: 5 }, (_, power) => power);
  const sum = powers.map((power) => `d${power}.d * ${10 ** power}`).join(" + ");
  const sources = powers.map((power) => `(${digits}) d${power}`).join(" join ");
  const numbers = `select ${from} + ${sum} n from ${sources}`;
  return `select n from (${numbers}) numbers where n < ${to} order by n`;
}

/** All users of the range. */
function fromUsers({ from, to }: Range): string {
  const [first, last] = [userIdOf(from), userIdOf(to - 1)];
  return `from users where user_id between '${first}' and '${last}' order by user_id`;
}

function grantsSql(range: Range, logRows: number): string {
  const values = {
    user_id: "user_id",
    grant_id: GRANT_ID,
    amount: GRANTED_AMOUNT,
    remaining: balanceAfter(logRows).available,
    priority: 50,
    effective_time: NOW,
    expire_time: NEVER,
    source_kind: "'TRIAL'",
    source_id: "user_id",
    state: "'OPEN'",
    create_time: NOW,
  };
  return insertSelect("quota_grants", values, fromUsers(range));
}

/** The reservation that a row of the log is about: the first is that of rows 2 and 3. */
function reservationOf({ users }: Range, sequence: number) {
  const at = Math.floor(sequence / 2);
  const scattered = `left(sha2(concat(user_id, '/${at}'), 256), 36)`;
  // Tasks have ids without any order, as their callers make them.
  return { id: idSql("rsv", `${at * users} + ${NUMBER}`), taskId: scattered };
}

/** What each kind of movement says of itself. */
function movementSql(range: Range, sequence: number) {
  const { id, taskId } = reservationOf(range, sequence);
  const movements = {
    GRANT: {
      type: "'GRANT'",
      reservation_id: "null",
      available_change: GRANTED_AMOUNT,
      held_change: 0,
      method: "'RegisterUser'",
      idempotency_key: "concat('register/', user_id)",
    },
    RESERVE: {
      type: "'RESERVE'",
      reservation_id: id,
      available_change: -1n,
      held_change: 1,
      method: "'ReserveQuota'",
      idempotency_key: `concat('reserve/', user_id, '/', ${taskId}, '/${FEATURE_ID}/1')`,
    },
    COMMIT: {
      type: "'COMMIT'",
      reservation_id: id,
      available_change: 0n,
      held_change: -1,
      method: "'CommitQuota'",
      idempotency_key: `concat('commit/', ${id})`,
    },
  };
  return movements[movementOf(sequence)];
}

function logsSql(range: Range, sequence: number): string {
  const { available, held } = balanceAfter(sequence);
  const { taskId } = reservationOf(range, sequence);
  const movement = movementSql(range, sequence);
  const hold = `coalesce(${movement.reservation_id}, '')`;
  const holds = `'[[["', ${hold}, '",1800000000000,[["', ${GRANT_ID}, '",1]]]]'`;
  const balance = `',[${available},${held},1900000000000,${available}]]'`;
  const values = {
    operation_id: idSql("op", `${(sequence - 1) * range.users} + ${NUMBER}`),
    line: 1,
    user_id: "user_id",
    sequence,
    grant_id: GRANT_ID,
    ...movement,
    available_after: available,
    held_after: held,
    grant_remaining_after: available,
    description: `concat('task ', ${taskId})`,
    caller: "'bench'",
    content: `concat('["', user_id, '","${FEATURE_ID}","', ${taskId}, '","1","900000ms","[]"]')`,
    answer: `concat(${holds}, ${balance})`,
    create_time: NOW,
  };
  return insertSelect("quota_logs", values, fromUsers(range));
}

function reservationsSql(range: Range, sequence: number, isOpen: boolean): string {
  const { id, taskId } = reservationOf(range, sequence);
  const values = {
    reservation_id: id,
    user_id: "user_id",
    feature_id: `'${FEATURE_ID}'`,
    feature_version: 1,
    task_id: taskId,
    quantity: 1,
    unit_cost: 1,
    amount: 1,
    committed_amount: isOpen ? 0 : 1,
    refunded_amount: 0,
    state: isOpen ? "'HELD'" : "'COMMITTED'",
    eligible_for_refund: 1,
    refunded: 0,
    allocations: `concat('[["', ${GRANT_ID}, '",1]]')`,
    labels: "'{}'",
    counts_for_limits: 1,
    decision: `'[${balanceAfter(sequence - 1).available},1900000000000]'`,
    create_time: NOW,
    expire_time: isOpen ? NEVER : NOW,
    commit_time: isOpen ? "null" : NOW,
    refund_time: "null",
    refund_reason: "null",
    failed_step: "''",
    refund_detail: "''",
  };
  return insertSelect("quota_reservations", values, fromUsers(range));
}
