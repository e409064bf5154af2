/** Discrepancies as their tables keep them: findings with their bills, and the steps of those. */
import type { EntityManager } from "@mikro-orm/mysql";
import type { FindingKind } from "../billing/order/bill.ts";
import type {
  Discrepancy,
  DiscrepancyState,
  DiscrepancyStep,
  ReconciliationSource,
  StepKind,
} from "../billing/report/discrepancy.ts";
import { msOrNull, toBigInt, toMs, type Cell, type HotTable, type Row } from "./cell.ts";
import { listSql } from "./sql.ts";

export const STEPS: HotTable = {
  name: "discrepancy_steps",
  columns: ["finding_id", "sequence", "kind", "assignee", "note", "actor", "create_time"],
};

/** Findings with what their bills tell of them. */
export const WITH_BILLS = `select f.*, coalesce(i.bill_date, v.month) as bill_date, i.type, v.vendor
  from bill_findings f left join bill_imports i on i.bill_id = f.bill_id
  left join vendor_bills v on v.bill_id = f.bill_id`;

/** Reads the rows' steps and puts them together. */
export async function readDiscrepancies(
  em: EntityManager,
  rows: readonly Row[],
): Promise<Discrepancy[]> {
  const worked = rows.filter((row) => Number(row["steps"]) > 0).map(idOf);
  const steps =
    worked.length === 0
      ? []
      : await em.execute<Row[]>(
          `select * from discrepancy_steps where finding_id in (${listSql(worked)})
            order by finding_id, sequence`,
        );
  const byFinding = Map.groupBy(steps, idOf);
  return rows.map((row) => readDiscrepancy(row, byFinding.get(idOf(row)) ?? []));
}

function idOf(row: Row): string {
  return row["finding_id"] as string;
}

function readDiscrepancy(row: Row, steps: readonly Row[]): Discrepancy {
  const clearTimeMs = msOrNull(row["clear_time"]);
  const line = row["line"];
  return {
    discrepancyId: idOf(row),
    source: sourceOf(row),
    billId: row["bill_id"] as string,
    billDate: row["bill_date"] as string,
    kind: row["kind"] as FindingKind,
    state: clearTimeMs === null ? (row["state"] as DiscrepancyState) : "CLEARED",
    orderId: row["order_id"] as string,
    refundId: row["refund_id"] as string | null,
    vendor: row["vendor"] as string | null,
    service: row["vendor"] === null ? null : (row["subject"] as string),
    amountHereFen: amountOrNull(row["amount_here_fen"]),
    amountThereFen: amountOrNull(row["amount_there_fen"]),
    amountHereMicroYuan: amountOrNull(row["amount_here_micro_yuan"]),
    amountThereMicroYuan: amountOrNull(row["amount_there_micro_yuan"]),
    line: line === null ? null : Number(line),
    note: row["note"] as string,
    assignee: row["assignee"] as string | null,
    steps: steps.map(readStep),
    createTimeMs: toMs(row["create_time"]),
    clearTimeMs,
  };
}

function readStep(row: Row): DiscrepancyStep {
  return {
    sequence: Number(row["sequence"]),
    kind: row["kind"] as StepKind,
    assignee: row["assignee"] as string | null,
    note: row["note"] as string,
    actor: row["actor"] as string,
    createTimeMs: toMs(row["create_time"]),
  };
}

function sourceOf(row: Row): ReconciliationSource {
  const type = row["type"] as "TRADE" | "FUND_FLOW" | null;
  return type === null ? "VENDOR" : `WECHAT_${type}`;
}

function amountOrNull(cell: unknown): bigint | null {
  return cell === null ? null : toBigInt(cell);
}

export function stepCells(findingId: string, step: DiscrepancyStep, time: string): Cell[] {
  const { sequence, kind, assignee, note, actor } = step;
  return [findingId, sequence, kind, assignee, note, actor, time];
}
