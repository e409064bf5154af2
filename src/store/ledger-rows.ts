/**
 * Rows of the ledger. A command that moves quota is as many rows of `quota_logs` as it has movements, of
 * which the first bears the idempotency key, the content and the answer; one that moves nothing, such as
 * an extension, is a row of `operations`. A method always writes to the same of the two, so that
 * its keys stay unique.
 */
import type { OperationId } from "../billing/id.ts";
import type { LogRow, LogType } from "../billing/quota/posting.ts";
import type { LoggedRow } from "../billing/quota/reader.ts";
import type { NewOperation, StoredOperation } from "../billing/quota/serve.ts";
import { toBigInt, toMs, type Cell, type HotTable, type Row } from "./cell.ts";

export const LOGS: HotTable = {
  name: "quota_logs",
  columns: [
    "operation_id",
    "line",
    "user_id",
    "sequence",
    "type",
    "grant_id",
    "reservation_id",
    "available_change",
    "held_change",
    "available_after",
    "held_after",
    "grant_remaining_after",
    "description",
    "method",
    "caller",
    "idempotency_key",
    "content",
    "answer",
    "create_time",
  ],
};

export const OPERATIONS: HotTable = {
  name: "operations",
  columns: [
    "operation_id",
    "method",
    "idempotency_key",
    "user_id",
    "caller",
    "content",
    "answer",
    "create_time",
  ],
};

/** The longest description of a movement, in characters, as its column allows. */
const DESCRIPTION_MAX = 400;

/** The rows of an operation that moved quota, in order. */
export function logCells(
  operation: NewOperation,
  rows: readonly LogRow[],
  nowText: string,
): Cell[][] {
  return rows.map((row, at) => [
    operation.operationId,
    at + 1,
    row.userId,
    row.sequence,
    row.type,
    row.grantId,
    row.reservationId,
    row.available,
    row.held,
    row.availableAfter,
    row.heldAfter,
    row.grantRemainingAfter,
    row.description.slice(0, DESCRIPTION_MAX),
    operation.method,
    operation.caller,
    ...(at === 0 ? proof(operation) : NO_PROOF),
    nowText,
  ]);
}

/** What a row of its own says of an operation that moved nothing. */
export function operationCells(operation: NewOperation, nowText: string): Cell[] {
  const { operationId, method, userId, caller } = operation;
  const [idempotencyKey, content, answer] = proof(operation);
  return [operationId, method, idempotencyKey, userId, caller, content, answer, nowText];
}

const NO_PROOF = [null, null, null] as const;

function proof({ idempotencyKey, content, answer }: NewOperation) {
  return [idempotencyKey, JSON.stringify(content), answer] as const;
}

export function readOperation(row: Row): StoredOperation {
  return {
    method: row["method"] as string,
    idempotencyKey: row["idempotency_key"] as string,
    userId: row["user_id"] as StoredOperation["userId"],
    content: JSON.parse(row["content"] as string),
    answer: row["answer"] as string,
  };
}

export function readLoggedRow(row: Row): LoggedRow {
  return {
    operationId: row["operation_id"] as OperationId,
    line: Number(row["line"]),
    userId: row["user_id"] as LoggedRow["userId"],
    sequence: toBigInt(row["sequence"]),
    type: row["type"] as LogType,
    grantId: row["grant_id"] as LoggedRow["grantId"],
    reservationId: row["reservation_id"] as LoggedRow["reservationId"],
    available: toBigInt(row["available_change"]),
    held: toBigInt(row["held_change"]),
    availableAfter: toBigInt(row["available_after"]),
    heldAfter: toBigInt(row["held_after"]),
    grantRemainingAfter: toBigInt(row["grant_remaining_after"]),
    description: row["description"] as string,
    method: row["method"] as string,
    caller: row["caller"] as string,
    createTimeMs: toMs(row["create_time"]),
  };
}
