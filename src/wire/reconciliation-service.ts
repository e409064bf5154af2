/** ReportService's part about differences with bills: each handler parses, calls one use case, and renders its answer. */
import { shanghaiDay } from "../billing/calendar.ts";
import { billDay } from "../billing/order/bill.ts";
import { oldestDate } from "../billing/order/bill-days.ts";
import type { Reconcile, Reconciler, Reconciliation } from "../billing/report/reconcile.ts";
import type { DiscrepancyBooks, DiscrepancyReader } from "../billing/report/discrepancy-books.ts";
import {
  assignDiscrepancy,
  reopenDiscrepancy,
  resolveDiscrepancy,
  type Discrepancy,
  type SettleDiscrepancy,
} from "../billing/report/discrepancy.ts";
import type { DiscrepancyUseCase, NamesDiscrepancy } from "../billing/report/discrepancy.ts";
import {
  Discrepancy_State,
  DiscrepancyKind,
  DiscrepancyStep_Kind,
  ReconciliationSource,
} from "../gen/billing/report/v1/reconciliation.ts";
import type * as shown from "../gen/billing/report/v1/reconciliation.ts";
import type * as wire from "../gen/billing/report/v1/report_service.ts";
import type { Handle } from "./call.ts";
import { DISCREPANCY_KINDS, DISCREPANCY_STATES, SOURCES } from "./enums.ts";
import { FieldCheck, ifGiven } from "./field.ts";
import { readPage, type ListKey } from "./page-token.ts";
import { readDay, readMonth, TOLERANCE } from "./parse-cost.ts";
import type { TextRule } from "./text-rule.ts";

export interface ReconciliationParts {
  readonly discrepancies: DiscrepancyBooks;
  readonly discrepancyReader: DiscrepancyReader;
  readonly reconciler: Reconciler;
  /** Milliseconds since 1970: which days can have a bill. */
  readonly now: () => number;
}

/** As report_service.proto states them. */
const ASSIGNEE: TextRule = { min: 1, max: 63 };
const NOTE: TextRule = { min: 0, max: 255 };
const REASON: TextRule = { min: 1, max: 255 };

export function reconciliationHandlers(parts: ReconciliationParts) {
  return { ...work(parts), reconcile: reconciling(parts), listDiscrepancies: lister(parts) };
}

function reconciling({ reconciler, now }: ReconciliationParts) {
  const reconcile: Handle<wire.ReconcileRequest, wire.ReconcileResponse> = async (
    request,
    { caller, signal },
  ) => {
    const check = new FieldCheck();
    const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
    const input = readInput(check, request, now());
    check.done();
    const command = { idempotencyKey, input, caller, validateOnly: request.validateOnly };
    const { answer, replayed } = await reconciler.reconcile(command, signal);
    return { reconciliation: renderReconciliation(answer), replayed };
  };
  return reconcile;
}

function readInput(
  check: FieldCheck,
  { source: number, vendor, date, tolerancePerMille }: wire.ReconcileRequest,
  nowMs: number,
): Reconcile {
  const source = check.oneOf("source", SOURCES, number);
  if (source === "VENDOR") {
    const tolerance = check.int("tolerance_per_mille", tolerancePerMille, TOLERANCE, 0);
    return {
      source,
      date: readMonth(check, "date", date),
      vendor: check.sourceId("vendor", vendor),
      tolerance: BigInt(tolerance),
    };
  }
  if (vendor !== "") check.refuse("vendor", "must be empty unless the bill is a vendor's");
  if (tolerancePerMille !== 0) {
    check.refuse("tolerance_per_mille", "must be 0 unless the bill is a vendor's");
  }
  return { source, date: readBillDate(check, date, nowMs) };
}

function readBillDate(check: FieldCheck, text: string, nowMs: number): string {
  const date = readDay(check, "date", text);
  if (billDay(date) === undefined) return date;
  if (date >= shanghaiDay(nowMs)) check.refuse("date", "must be a day that is over");
  if (date < oldestDate(nowMs)) check.refuse("date", "must not be more than 89 days ago");
  return date;
}

function renderReconciliation(done: Reconciliation): shown.Reconciliation {
  return {
    billId: done.billId ?? "",
    source: ReconciliationSource[done.source],
    date: done.date,
    sha1: done.sha1,
    lineCount: done.lines,
    isNewBill: done.isNewBill,
    discrepancyCount: done.discrepancies,
    newDiscrepancyCount: done.newDiscrepancies,
    settledPaymentCount: done.settledPayments,
    doubtCount: done.doubts,
  };
}

function work({ discrepancies }: ReconciliationParts) {
  const assign: Handle<wire.AssignDiscrepancyRequest, wire.AssignDiscrepancyResponse> = async (
    request,
    { caller, signal },
  ) => {
    const check = new FieldCheck();
    const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
    const input = {
      discrepancyId: check.sourceId("discrepancy_id", request.discrepancyId),
      assignee: check.text("assignee", request.assignee, ASSIGNEE),
      note: check.text("note", request.note, NOTE),
    };
    check.done();
    const command = { idempotencyKey, input, caller, validateOnly: request.validateOnly };
    const { answer, replayed } = await discrepancies.serve(assignDiscrepancy, command, signal);
    return { discrepancy: render(answer), replayed };
  };
  const settling =
    (
      useCase: DiscrepancyUseCase<SettleDiscrepancy>,
    ): Handle<wire.ResolveDiscrepancyRequest, wire.ResolveDiscrepancyResponse> =>
    async (request, { caller, signal }) => {
      const check = new FieldCheck();
      const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
      const input = {
        discrepancyId: check.sourceId("discrepancy_id", request.discrepancyId),
        reason: check.text("reason", request.reason, REASON),
      };
      check.done();
      const command = { idempotencyKey, input, caller, validateOnly: request.validateOnly };
      const { answer, replayed } = await discrepancies.serve(useCase, command, signal);
      return { discrepancy: render(answer), replayed };
    };
  return {
    assignDiscrepancy: assign,
    resolveDiscrepancy: settling(resolveDiscrepancy),
    reopenDiscrepancy: settling(reopenDiscrepancy),
  };
}

const DISCREPANCIES: ListKey<NamesDiscrepancy> = {
  list: "ListDiscrepancies",
  write: ({ discrepancyId }) => [discrepancyId],
  read: ([discrepancyId]) => (discrepancyId === undefined ? undefined : { discrepancyId }),
};

function lister({ discrepancyReader }: ReconciliationParts) {
  const list: Handle<wire.ListDiscrepanciesRequest, wire.ListDiscrepanciesResponse> = async (
    request,
  ) => {
    const check = new FieldCheck();
    const filter = {
      startDate: ifGiven(request.firstDay, (day) => readDay(check, "first_day", day)),
      endDate: ifGiven(request.lastDay, (day) => readDay(check, "last_day", day)),
      kind: check.optionalOneOf("kind", DISCREPANCY_KINDS, request.kind),
      state: check.optionalOneOf("state", DISCREPANCY_STATES, request.state),
      source: check.optionalOneOf("source", SOURCES, request.source),
      orderId: ifGiven(request.orderId, (id) => check.orderId("order_id", id)),
    };
    const { startDate, endDate } = filter;
    if (startDate !== null && endDate !== null && endDate < startDate) {
      check.refuse("last_day", "must not be before first_day");
    }
    const paging = readPage(check, request, DISCREPANCIES, filter);
    check.done();
    const found = await discrepancyReader.listDiscrepancies(filter, paging.page);
    const { rows, nextPageToken } = paging.split(found, (row) => row);
    return { discrepancies: rows.map(render), nextPageToken };
  };
  return list;
}

function render(discrepancy: Discrepancy): shown.Discrepancy {
  const { discrepancyId, billId, billDate, orderId, note, steps } = discrepancy;
  const { clearTimeMs, createTimeMs, source } = discrepancy;
  return {
    discrepancyId,
    billId,
    billDate,
    orderId,
    note,
    source: ReconciliationSource[source],
    kind: DiscrepancyKind[discrepancy.kind],
    state: Discrepancy_State[discrepancy.state],
    refundId: discrepancy.refundId ?? "",
    amountHereFen: discrepancy.amountHereFen ?? undefined,
    amountThereFen: discrepancy.amountThereFen ?? undefined,
    vendor: discrepancy.vendor ?? "",
    service: discrepancy.service ?? "",
    amountHereMicroYuan: discrepancy.amountHereMicroYuan ?? undefined,
    amountThereMicroYuan: discrepancy.amountThereMicroYuan ?? undefined,
    line: discrepancy.line ?? 0,
    assignee: discrepancy.assignee ?? "",
    steps: steps.map(({ createTimeMs: atMs, assignee, kind, ...step }) => ({
      ...step,
      kind: DiscrepancyStep_Kind[kind],
      assignee: assignee ?? "",
      createTime: new Date(atMs),
    })),
    createTime: new Date(createTimeMs),
    clearTime: clearTimeMs === null ? undefined : new Date(clearTimeMs),
  };
}
