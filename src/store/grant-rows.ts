/** Rows of `quota_grants` and lots, each way. */
import type { GrantId, UserId } from "../billing/id.ts";
import type { Lot, LotState, SourceKind } from "../billing/quota/lot.ts";
import {
  ID,
  TIME,
  WORD,
  msOrNull,
  timeOrNull,
  timeText,
  toBigInt,
  toMs,
  type Cell,
  type ColumnTypes,
  type HotTable,
  type Row,
} from "./cell.ts";

export const GRANTS: HotTable = {
  name: "quota_grants",
  columns: [
    "user_id",
    "grant_id",
    "amount",
    "remaining",
    "priority",
    "effective_time",
    "expire_time",
    "source_kind",
    "source_id",
    "state",
    "create_time",
  ],
};

export const GRANT_KEY: ColumnTypes = { user_id: ID, grant_id: ID };

export const GRANT_COLUMNS: ColumnTypes = { remaining: "bigint", expire_time: TIME, state: WORD };

export function lotCells(lot: Lot): Cell[] {
  return [
    lot.userId,
    lot.grantId,
    lot.amount,
    lot.remaining,
    lot.priority,
    timeText(lot.effectiveTimeMs),
    timeOrNull(lot.expireTimeMs),
    lot.sourceKind,
    lot.sourceId,
    lot.state,
    timeText(lot.createTimeMs),
  ];
}

export function lotChange(lot: Lot): Cell[] {
  return [lot.userId, lot.grantId, lot.remaining, timeOrNull(lot.expireTimeMs), lot.state];
}

export function readLot(row: Row): Lot {
  return {
    grantId: row["grant_id"] as GrantId,
    userId: row["user_id"] as UserId,
    amount: toBigInt(row["amount"]),
    remaining: toBigInt(row["remaining"]),
    priority: Number(row["priority"]),
    effectiveTimeMs: toMs(row["effective_time"]),
    expireTimeMs: msOrNull(row["expire_time"]),
    sourceKind: row["source_kind"] as SourceKind,
    sourceId: row["source_id"] as string,
    state: row["state"] as LotState,
    createTimeMs: toMs(row["create_time"]),
  };
}
