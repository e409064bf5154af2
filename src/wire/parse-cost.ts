/** Requests about vendors' costs as commands and queries of the domain. */
import type { Caller } from "../billing/id.ts";
import { AMOUNT_MAX } from "../billing/money.ts";
import type { Command } from "../billing/quota/desk.ts";
import {
  COSTS_MAX,
  type BroughtBill,
  type CostFilter,
  type NewCost,
  type PriceKey,
  type UnitPriceTerms,
} from "../billing/report/cost.ts";
import type { NewCost as WireCost } from "../gen/billing/report/v1/cost.ts";
import type * as wire from "../gen/billing/report/v1/report_service.ts";
import { FieldCheck, ifGiven } from "./field.ts";
import type { ListRequest } from "./list-quota.ts";
import { readPage, type ListKey } from "./page-token.ts";
import { readBill } from "./vendor-bill.ts";
import type { TextRule } from "./text-rule.ts";

/** As cost.proto and report_service.proto state them. */
const SERVICE: TextRule = { min: 1, max: 63 };
const UNIT: TextRule = { min: 0, max: 24 };
const PER_QUANTITY_MAX = 1_000_000_000n;
const EXTERNAL_ID = /^[\x21-\x7e]{1,128}$/;
const EXTERNAL_ID_RULE = "must be at most 128 visible ASCII characters without spaces";
const DAY = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/;
const MONTH = /^\d{4}-(?:0[1-9]|1[0-2])$/;
/** Thousandths of an amount. */
export const TOLERANCE = { min: 0, max: 1_000 };

export function parseRecordCosts(
  request: wire.RecordCostsRequest,
  caller: Caller,
): Command<readonly NewCost[]> {
  const check = new FieldCheck();
  const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
  const { costs, validateOnly } = request;
  if (costs.length === 0) check.refuse("costs", `is required: 1 to ${COSTS_MAX}`);
  if (costs.length > COSTS_MAX) check.refuse("costs", `must be at most ${COSTS_MAX}`);
  const input = costs.slice(0, COSTS_MAX).map((cost, at) => readCost(check, `costs[${at}]`, cost));
  check.done();
  return { idempotencyKey, input, caller, validateOnly };
}

function readCost(check: FieldCheck, at: string, cost: WireCost): NewCost {
  const { quantity, amountMicroYuan: amount } = cost;
  return {
    vendor: check.sourceId(`${at}.vendor`, cost.vendor),
    service: readService(check, `${at}.service`, cost.service),
    userId: ifGiven(cost.userId, (id) => check.userId(`${at}.user_id`, id)),
    featureId: ifGiven(cost.featureId, (id) => check.featureId(`${at}.feature_id`, id)),
    taskId: ifGiven(cost.taskId, (id) => check.taskId(`${at}.task_id`, id)),
    reservationId: ifGiven(cost.reservationId, (id) =>
      check.reservationId(`${at}.reservation_id`, id),
    ),
    quantity: quantity === undefined ? null : check.amount(`${at}.quantity`, quantity, 0n),
    unit: check.text(`${at}.unit`, cost.unit, UNIT),
    amountMicroYuan:
      amount === undefined ? null : check.amount(`${at}.amount_micro_yuan`, amount, -AMOUNT_MAX),
    occurTimeMs: readTime(check, `${at}.occur_time`, cost.occurTime),
    externalId: ifGiven(cost.externalId, (id) => {
      if (!EXTERNAL_ID.test(id)) check.refuse(`${at}.external_id`, EXTERNAL_ID_RULE);
      return id;
    }),
  };
}

/** Databases compare texts without the blanks at their ends, so there must be none. */
export function readService(check: FieldCheck, field: string, value: string): string {
  const service = check.text(field, value, SERVICE);
  if (service.trim() !== "" && service !== service.trim()) {
    check.refuse(field, "must not begin or end with blanks");
  }
  return service;
}

function readTime(check: FieldCheck, field: string, value: Date | undefined): number {
  const ms = check.timeMs(field, value);
  if (ms === null) check.refuse(field, "is required");
  return ms ?? 0;
}

export function parseSetUnitPrice(
  request: wire.SetUnitPriceRequest,
  caller: Caller,
): Command<UnitPriceTerms> {
  const check = new FieldCheck();
  const perQuantity = request.perQuantity === 0n ? 1n : request.perQuantity;
  const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
  const input = {
    vendor: check.sourceId("vendor", request.vendor),
    service: readService(check, "service", request.service),
    unit: check.text("unit", request.unit, UNIT),
    priceMicroYuan: check.amount("price_micro_yuan", request.priceMicroYuan, 0n),
    perQuantity: check.amount("per_quantity", perQuantity, 1n, PER_QUANTITY_MAX),
    effectiveTimeMs: readTime(check, "effective_time", request.effectiveTime),
  };
  check.done();
  return { idempotencyKey, input, caller, validateOnly: request.validateOnly };
}

export function parseImportBill(
  request: wire.ImportVendorBillRequest,
  caller: Caller,
): Command<BroughtBill> {
  const check = new FieldCheck();
  const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
  const vendor = check.sourceId("vendor", request.vendor);
  const month = readMonth(check, "month", request.month);
  const { contentSha256, lines } = readBill(check, request.content, request.columns);
  check.done();
  const input = { vendor, month, contentSha256, lines };
  return { idempotencyKey, input, caller, validateOnly: request.validateOnly };
}

export function parseCompareCosts(request: wire.CompareVendorCostsRequest) {
  const check = new FieldCheck();
  const tolerance = check.int("tolerance_per_mille", request.tolerancePerMille, TOLERANCE, 0);
  const asked = {
    vendor: check.sourceId("vendor", request.vendor),
    month: readMonth(check, "month", request.month),
  };
  check.done();
  return { ...asked, tolerance: BigInt(tolerance) };
}

const COSTS: ListKey<{ readonly costId: string }> = {
  list: "ListCosts",
  write: ({ costId }) => [costId],
  read: ([costId]) => (costId === undefined ? undefined : { costId }),
};

export function parseListCosts(
  request: wire.ListCostsRequest,
): ListRequest<CostFilter, { readonly costId: string }> {
  const check = new FieldCheck();
  const filter = {
    vendor: ifGiven(request.vendor, (id) => check.sourceId("vendor", id)),
    userId: ifGiven(request.userId, (id) => check.userId("user_id", id)),
    featureId: ifGiven(request.featureId, (id) => check.featureId("feature_id", id)),
    taskId: ifGiven(request.taskId, (id) => check.taskId("task_id", id)),
    day: ifGiven(request.day, (day) => readDay(check, "day", day)),
  };
  const paging = readPage(check, request, COSTS, filter);
  check.done();
  return { filter, paging };
}

const PRICES: ListKey<PriceKey> = {
  list: "ListUnitPrices",
  write: ({ vendor, service, version }) => [vendor, service, String(version)],
  read: ([vendor, service, version]) =>
    vendor === undefined || service === undefined || !/^\d{1,9}$/.test(version ?? "")
      ? undefined
      : { vendor, service, version: Number(version) },
};

export function parseListPrices(request: wire.ListUnitPricesRequest) {
  const check = new FieldCheck();
  const filter = {
    vendor: ifGiven(request.vendor, (id) => check.sourceId("vendor", id)),
    service: ifGiven(request.service, (text) => readService(check, "service", text)),
  };
  const paging = readPage(check, request, PRICES, filter);
  check.done();
  return { filter, paging };
}

/** A day of the calendar, YYYY-MM-DD. */
export function readDay(check: FieldCheck, field: string, value: string): string {
  const isThere = DAY.test(value) && new Date(`${value}T00:00:00Z`).toISOString().startsWith(value);
  if (!isThere)
    check.refuse(field, value === "" ? `is required: ${DAY_RULE}` : `must be ${DAY_RULE}`);
  return value;
}

const DAY_RULE = "a day of the calendar, YYYY-MM-DD";
const MONTH_RULE = "a month, YYYY-MM";

export function readMonth(check: FieldCheck, field: string, value: string): string {
  if (!MONTH.test(value)) {
    check.refuse(field, value === "" ? `is required: ${MONTH_RULE}` : `must be ${MONTH_RULE}`);
  }
  return value;
}
