/** Costs, unit prices and vendors' bills as their tables keep them, each way. */
import { shanghaiDay } from "../billing/calendar.ts";
import type { FeatureId, ReservationId, TaskId, UserId } from "../billing/id.ts";
import type { Cost, UnitPrice, VendorBill } from "../billing/report/cost.ts";
import type { PricedCost } from "../billing/report/record-costs.ts";
import { timeText, toBigInt, toMs, type Cell, type HotTable, type Row } from "./cell.ts";

export const COSTS: HotTable = {
  name: "vendor_costs",
  columns: [
    "cost_id",
    "batch_id",
    "vendor",
    "service",
    "user_id",
    "feature_id",
    "task_id",
    "reservation_id",
    "quantity",
    "unit",
    "amount_micro_yuan",
    "day",
    "occur_time",
    "external_id",
    "create_time",
  ],
};

export const BILL_LINES: HotTable = {
  name: "vendor_bill_lines",
  columns: ["bill_id", "line", "service", "amount_micro_yuan", "external_id"],
};

export function costCells(
  cost: PricedCost,
  costId: string,
  batchId: string,
  nowMs: number,
): Cell[] {
  return [
    costId,
    batchId,
    cost.vendor,
    cost.service,
    cost.userId,
    cost.featureId,
    cost.taskId,
    cost.reservationId,
    cost.quantity,
    cost.unit,
    cost.amountMicroYuan,
    shanghaiDay(cost.occurTimeMs),
    timeText(cost.occurTimeMs),
    cost.externalId,
    timeText(nowMs),
  ];
}

export function readCost(row: Row): Cost {
  const quantity = row["quantity"];
  return {
    costId: row["cost_id"] as string,
    vendor: row["vendor"] as string,
    service: row["service"] as string,
    userId: row["user_id"] as UserId | null,
    featureId: row["feature_id"] as FeatureId | null,
    taskId: row["task_id"] as TaskId | null,
    reservationId: row["reservation_id"] as ReservationId | null,
    quantity: quantity === null ? null : toBigInt(quantity),
    unit: row["unit"] as string,
    amountMicroYuan: toBigInt(row["amount_micro_yuan"]),
    occurTimeMs: toMs(row["occur_time"]),
    externalId: row["external_id"] as string | null,
    createTimeMs: toMs(row["create_time"]),
  };
}

export function readUnitPrice(row: Row): UnitPrice {
  return {
    vendor: row["vendor"] as string,
    service: row["service"] as string,
    version: Number(row["version"]),
    unit: row["unit"] as string,
    priceMicroYuan: toBigInt(row["price_micro_yuan"]),
    perQuantity: toBigInt(row["per_quantity"]),
    effectiveTimeMs: toMs(row["effective_time"]),
    caller: row["caller"] as string,
    createTimeMs: toMs(row["create_time"]),
  };
}

export function readVendorBill(row: Row): VendorBill {
  return {
    billId: row["bill_id"] as string,
    vendor: row["vendor"] as string,
    month: row["month"] as string,
    lineCount: Number(row["line_count"]),
    amountMicroYuan: toBigInt(row["amount_micro_yuan"]),
    contentSha256: row["content_sha256"] as string,
    caller: row["caller"] as string,
    createTimeMs: toMs(row["create_time"]),
  };
}
