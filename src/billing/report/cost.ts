/** What vendors charge: costs of tasks, unit prices, bills, and the ports behind which they are kept. */
import type { Caller, FeatureId, ReservationId, TaskId, UserId } from "../id.ts";
import type { Command } from "../quota/desk.ts";
import type { Page } from "../quota/reader.ts";
import type { Served } from "../quota/teller.ts";

/** Millionths of a yuan; 10,000 of them are a fen. */
export type MicroYuan = bigint;

/** As many as one message holds with room to spare, and as one statement writes. */
export const COSTS_MAX = 1_000;
/** Costs come late when a vendor's meter does; older ones belong to a year that is closed. */
export const COST_AGE_DAYS_MAX = 400;

/** A cost as a caller tells of it. */
export interface NewCost {
  readonly vendor: string;
  readonly service: string;
  readonly userId: UserId | null;
  readonly featureId: FeatureId | null;
  readonly taskId: TaskId | null;
  readonly reservationId: ReservationId | null;
  readonly quantity: bigint | null;
  readonly unit: string;
  /** Null: quantity times unit price. */
  readonly amountMicroYuan: MicroYuan | null;
  readonly occurTimeMs: number;
  readonly externalId: string | null;
}

/** A cost as it is kept. It never changes. */
export interface Cost extends NewCost {
  readonly costId: string;
  readonly amountMicroYuan: MicroYuan;
  readonly createTimeMs: number;
}

export interface UnitPriceTerms {
  readonly vendor: string;
  readonly service: string;
  readonly unit: string;
  /** Of `perQuantity` units. */
  readonly priceMicroYuan: MicroYuan;
  readonly perQuantity: bigint;
  readonly effectiveTimeMs: number;
}

export interface UnitPrice extends UnitPriceTerms {
  /** Counts the prices of the service from 1. */
  readonly version: number;
  readonly caller: string;
  readonly createTimeMs: number;
}

export interface BillLine {
  readonly service: string;
  readonly amountMicroYuan: MicroYuan;
  readonly externalId: string | null;
}

/** A vendor's bill as a caller brings it. */
export interface BroughtBill {
  readonly vendor: string;
  /** YYYY-MM. */
  readonly month: string;
  readonly contentSha256: string;
  readonly lines: readonly BillLine[];
}

/** A vendor's bill as it is kept. It never changes. */
export interface VendorBill {
  readonly billId: string;
  readonly vendor: string;
  readonly month: string;
  readonly lineCount: number;
  readonly amountMicroYuan: MicroYuan;
  readonly contentSha256: string;
  readonly caller: string;
  readonly createTimeMs: number;
}

export interface RecordedCosts {
  readonly batchId: string;
  readonly recordedCount: number;
  readonly knownCount: number;
  readonly amountMicroYuan: MicroYuan;
}

/** What happened to costs of one service within a month, here and on the bill. */
export interface ServiceSums {
  readonly service: string;
  readonly metered: MicroYuan;
  readonly meteredCount: number;
  readonly billed: MicroYuan;
  readonly billedCount: number;
}

/** Writes costs, prices and bills; each call is one transaction. */
export interface CostBooks {
  /** @throws Refusal as record-costs.ts says; IDEMPOTENCY_KEY_REUSED */
  recordCosts(
    command: Command<readonly NewCost[]>,
    signal?: AbortSignal,
  ): Promise<Served<RecordedCosts>>;
  /** @throws Refusal UNIT_PRICE_NOT_LATER, IDEMPOTENCY_KEY_REUSED */
  setUnitPrice(command: Command<UnitPriceTerms>, signal?: AbortSignal): Promise<Served<UnitPrice>>;
  /** @throws Refusal IDEMPOTENCY_KEY_REUSED */
  importBill(command: Command<BroughtBill>, signal?: AbortSignal): Promise<Served<VendorBill>>;
}

export interface CostFilter {
  readonly vendor: string | null;
  readonly userId: UserId | null;
  readonly featureId: FeatureId | null;
  readonly taskId: TaskId | null;
  readonly day: string | null;
}

export interface PriceKey {
  readonly vendor: string;
  readonly service: string;
  readonly version: number;
}

export interface CostReader {
  /** Newest first. */
  listCosts(filter: CostFilter, page: Page<{ readonly costId: string }>): Promise<Cost[]>;
  /** By vendor and service, newest first. */
  listUnitPrices(
    filter: { readonly vendor: string | null; readonly service: string | null },
    page: Page<PriceKey>,
  ): Promise<UnitPrice[]>;
  /** The newest bill for the month, with the sums by service; undefined when there is none. */
  compareBill(
    vendor: string,
    month: string,
  ): Promise<{ readonly bill: VendorBill; readonly sums: readonly ServiceSums[] } | undefined>;
}

/** Who wrote something down, and when. */
export interface CostOccasion {
  readonly caller: Caller;
  readonly nowMs: number;
}
