/** Costs, prices, bills and comparisons as the contract shows them. */
import type { Comparison } from "../billing/report/compare-bill.ts";
import type { Cost, UnitPrice, VendorBill } from "../billing/report/cost.ts";
import { CostComparison_State } from "../gen/billing/report/v1/cost.ts";
import type * as wire from "../gen/billing/report/v1/cost.ts";

export function cost(shown: Cost): wire.Cost {
  return {
    costId: shown.costId,
    vendor: shown.vendor,
    service: shown.service,
    userId: shown.userId ?? "",
    featureId: shown.featureId ?? "",
    taskId: shown.taskId ?? "",
    reservationId: shown.reservationId ?? "",
    quantity: shown.quantity ?? undefined,
    unit: shown.unit,
    amountMicroYuan: shown.amountMicroYuan,
    occurTime: new Date(shown.occurTimeMs),
    externalId: shown.externalId ?? "",
    createTime: new Date(shown.createTimeMs),
  };
}

export function unitPrice(shown: UnitPrice): wire.UnitPrice {
  const { effectiveTimeMs, createTimeMs, ...rest } = shown;
  return { ...rest, effectiveTime: new Date(effectiveTimeMs), createTime: new Date(createTimeMs) };
}

export function vendorBill(shown: VendorBill): wire.VendorBill {
  const { createTimeMs, ...rest } = shown;
  return { ...rest, createTime: new Date(createTimeMs) };
}

export function comparison(shown: Comparison): wire.CostComparison {
  return {
    service: shown.service,
    state: CostComparison_State[shown.state],
    meteredMicroYuan: shown.metered,
    billedMicroYuan: shown.billed,
    differenceMicroYuan: shown.billed - shown.metered,
    meteredCount: BigInt(shown.meteredCount),
    billedCount: BigInt(shown.billedCount),
  };
}
