/** What stands in the books, read by plain SQL on a connection of its own. */
import { createConnection } from "mysql2/promise";

export type Row = Readonly<Record<string, unknown>>;
export type Sql = (text: string) => Promise<Row[]>;

export interface SqlConnection {
  readonly sql: Sql;
  close(): Promise<void>;
}

/** A connection that belongs to the oracle alone. */
export async function connectSql(url: string): Promise<SqlConnection> {
  const connection = await createConnection({ uri: url, dateStrings: true, timezone: "Z" });
  return {
    sql: async (text) => (await connection.query(text))[0] as Row[],
    close: () => connection.end(),
  };
}

/**
 * Does all of `look`'s reading at one moment. A sweep that comes between two reads would otherwise show a hold in one table that
 * another has given back already.
 */
export async function atOneMoment<T>(sql: Sql, look: () => Promise<T>): Promise<T> {
  await sql("set transaction isolation level repeatable read");
  await sql("start transaction with consistent snapshot, read only");
  try {
    return await look();
  } finally {
    await sql("rollback");
  }
}

export interface StoredOperation {
  readonly operationId: string;
  readonly method: string;
  readonly key: string | null;
  readonly userId: string;
  readonly caller: string;
  /** Its lines in the log, in their order. */
  readonly lines: LogLine[];
}

export interface LogLine {
  readonly type: string;
  readonly userId: string;
  readonly grantId: string | null;
  readonly reservationId: string | null;
  readonly available: number;
  readonly held: number;
  readonly availableAfter: number;
  readonly heldAfter: number;
}

export interface StoredReservation {
  readonly userId: string;
  readonly featureId: string;
  readonly taskId: string;
  readonly quantity: number;
  readonly amount: number;
  readonly committedAmount: number;
  readonly refundedAmount: number;
  readonly state: string;
  /** UTC, in milliseconds. */
  readonly expireTimeMs: number;
}

export interface Snapshot {
  readonly operations: ReadonlyMap<string, StoredOperation>;
  /** Lines of the log whose operation has lost its first line, which proves it. */
  readonly orphanLines: number;
  readonly reservations: ReadonlyMap<string, StoredReservation>;
  readonly users: ReadonlyMap<string, { readonly available: number; readonly held: number }>;
}

/** Everything in the books. An operation is a row of `operations`, or the log rows with its id. */
export async function takeSnapshot(sql: Sql): Promise<Snapshot> {
  const operations = new Map<string, StoredOperation>();
  const columns = "operation_id, method, idempotency_key, user_id, caller";
  for (const row of await sql(`select ${columns} from operations`)) {
    operations.set(word(row["operation_id"]), readOperation(row));
  }
  let orphanLines = 0;
  for (const row of await sql("select * from quota_logs order by operation_id, line")) {
    const operationId = word(row["operation_id"]);
    // The first line bears the key, the content and the answer.
    const isProof = row["line"] === 1 && row["content"] !== null && row["answer"] !== null;
    if (isProof && !operations.has(operationId)) operations.set(operationId, readOperation(row));
    const operation = operations.get(operationId);
    if (operation === undefined) orphanLines += 1;
    else operation.lines.push(readLine(row));
  }
  const reservations = (await sql("select * from quota_reservations")).map(readReservation);
  const users = (await sql("select user_id, quota_remaining, quota_held from users")).map(
    (row) =>
      [
        word(row["user_id"]),
        { available: Number(row["quota_remaining"]), held: Number(row["quota_held"]) },
      ] as const,
  );
  return { operations, orphanLines, reservations: new Map(reservations), users: new Map(users) };
}

function readOperation(row: Row): StoredOperation {
  return {
    operationId: word(row["operation_id"]),
    method: word(row["method"]),
    key: row["idempotency_key"] as string | null,
    userId: word(row["user_id"]),
    caller: word(row["caller"]),
    lines: [],
  };
}

function readLine(row: Row): LogLine {
  return {
    type: word(row["type"]),
    userId: word(row["user_id"]),
    grantId: row["grant_id"] as string | null,
    reservationId: row["reservation_id"] as string | null,
    available: Number(row["available_change"]),
    held: Number(row["held_change"]),
    availableAfter: Number(row["available_after"]),
    heldAfter: Number(row["held_after"]),
  };
}

function readReservation(row: Row): [string, StoredReservation] {
  const reservation = {
    userId: word(row["user_id"]),
    featureId: word(row["feature_id"]),
    taskId: word(row["task_id"]),
    quantity: Number(row["quantity"]),
    amount: Number(row["amount"]),
    committedAmount: Number(row["committed_amount"]),
    refundedAmount: Number(row["refunded_amount"]),
    state: word(row["state"]),
    expireTimeMs: Date.parse(`${word(row["expire_time"]).replace(" ", "T")}Z`),
  };
  return [word(row["reservation_id"]), reservation];
}

function word(value: unknown): string {
  return value as string;
}
