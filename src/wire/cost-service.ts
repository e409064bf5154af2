/** ReportService's part about costs: each handler parses, calls one use case, and renders its answer. */
import { sum } from "../billing/money.ts";
import { compareBill } from "../billing/report/compare-bill.ts";
import type { CostBooks, CostReader } from "../billing/report/cost.ts";
import type * as wire from "../gen/billing/report/v1/report_service.ts";
import type { Handle } from "./call.ts";
import * as parse from "./parse-cost.ts";
import * as render from "./render-cost.ts";

export interface CostParts {
  readonly costs: CostBooks;
  readonly costReader: CostReader;
}

export function costHandlers(parts: CostParts) {
  return { ...changes(parts), ...reads(parts) };
}

function changes({ costs }: CostParts) {
  const record: Handle<wire.RecordCostsRequest, wire.RecordCostsResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = parse.parseRecordCosts(request, caller);
    const { answer, replayed } = await costs.recordCosts(command, signal);
    return { ...answer, replayed };
  };
  const price: Handle<wire.SetUnitPriceRequest, wire.SetUnitPriceResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = parse.parseSetUnitPrice(request, caller);
    const { answer, replayed } = await costs.setUnitPrice(command, signal);
    return { unitPrice: render.unitPrice(answer), replayed };
  };
  const bill: Handle<wire.ImportVendorBillRequest, wire.ImportVendorBillResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = parse.parseImportBill(request, caller);
    const { answer, replayed } = await costs.importBill(command, signal);
    return { bill: render.vendorBill(answer), replayed };
  };
  return { recordCosts: record, setUnitPrice: price, importVendorBill: bill };
}

function reads({ costReader }: CostParts) {
  const list: Handle<wire.ListCostsRequest, wire.ListCostsResponse> = async (request) => {
    const { filter, paging } = parse.parseListCosts(request);
    const found = await costReader.listCosts(filter, paging.page);
    const { rows, nextPageToken } = paging.split(found, (row) => row);
    return { costs: rows.map(render.cost), nextPageToken };
  };
  const prices: Handle<wire.ListUnitPricesRequest, wire.ListUnitPricesResponse> = async (
    request,
  ) => {
    const { filter, paging } = parse.parseListPrices(request);
    const found = await costReader.listUnitPrices(filter, paging.page);
    const { rows, nextPageToken } = paging.split(found, (row) => row);
    return { unitPrices: rows.map(render.unitPrice), nextPageToken };
  };
  const compare: Handle<wire.CompareVendorCostsRequest, wire.CompareVendorCostsResponse> = async (
    request,
  ) => {
    const { bill, comparisons } = await compareBill(costReader, parse.parseCompareCosts(request));
    return {
      bill: render.vendorBill(bill),
      comparisons: comparisons.map(render.comparison),
      meteredMicroYuan: sum(comparisons.map(({ metered }) => metered)),
      billedMicroYuan: sum(comparisons.map(({ billed }) => billed)),
    };
  };
  return { listCosts: list, listUnitPrices: prices, compareVendorCosts: compare };
}
