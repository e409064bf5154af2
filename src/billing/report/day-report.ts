/** A day's report: what the ledgers say of the day, as figures and tables. Pure: facts in, document out. */
import { sum, type Fen, type QuotaUnits } from "../money.ts";
import type { LogType } from "../quota/posting.ts";
import type { MicroYuan } from "./cost.ts";
import type { ReportDocument, ReportTable } from "./document.ts";
import { sectionsOf, tableFrom, TABLES } from "./figures.ts";
import { fenOf, perMille, split, vatIn } from "./sums.ts";

/** What the ledgers say of one day. */
export interface DayFacts {
  /** A number of days.ts. */
  readonly day: number;
  readonly vatBasisPoints: bigint;
  readonly orders: { readonly created: bigint; readonly closed: bigint };
  readonly payments: readonly MoneySums[];
  readonly refunds: readonly MoneySums[];
  /** What orders earned on the day, and what they have deferred at its end. */
  readonly earnings: readonly EarnedSums[];
  readonly quota: readonly QuotaSums[];
  readonly liability: QuotaUnits;
  readonly members: Readonly<Record<MemberFigure, bigint>>;
  readonly costs: readonly {
    readonly vendor: string;
    readonly service: string;
    readonly count: bigint;
    readonly amount: MicroYuan;
  }[];
  /** The same costs by feature and by the user's plan; empty where there is none. */
  readonly featureCosts: readonly NamedCost[];
  readonly planCosts: readonly NamedCost[];
  /** Of the provider's bill for the day; null while there is no bill. */
  readonly paymentFees: MicroYuan | null;
}

export type MemberFigure = "registered" | "activated" | "renewed" | "lapsed" | "trial" | "active";

/** Payments or refunds of one product and kind. */
export interface MoneySums {
  /** False: nothing was given for the payment. */
  readonly granted: boolean;
  /** `plan/…` or `pack/…`. */
  readonly product: string;
  readonly count: bigint;
  readonly amountFen: Fen;
}

/** Orders of one plan together. */
export interface EarnedSums {
  /** Empty for packs. */
  readonly planId: string;
  readonly recognisedFen: Fen;
  readonly deferredFen: Fen;
}

/** Log rows of one type and feature. */
export interface QuotaSums {
  readonly type: LogType;
  /** Empty for rows of no reservation. */
  readonly featureId: string;
  readonly available: QuotaUnits;
  readonly held: QuotaUnits;
  readonly reservations: bigint;
}

export interface NamedCost {
  readonly name: string;
  readonly amount: MicroYuan;
}

/** The row of packs in `margin.plans`. */
const PACK_ROW = "pack";

export function dayDocument(facts: DayFacts): ReportDocument {
  const values = new Map<string, bigint | null>([
    ...orderFigures(facts),
    ...revenueFigures(facts),
    ...quotaFigures(facts),
    ...Object.entries(facts.members).map(([id, value]) => [`members.${id}`, value] as const),
  ]);
  for (const [id, value] of costFigures(facts, values)) values.set(id, value);
  for (const [id, value] of marginFigures(values)) values.set(id, value);
  return { sections: sectionsOf(values, tablesOf(facts, values)) };
}

type Values = ReadonlyMap<string, bigint | null>;
type Entries = [string, bigint | null][];

function orderFigures({ orders, payments, refunds }: DayFacts): Entries {
  const count = (sums: readonly MoneySums[]) =>
    sum(sums.filter(({ granted }) => granted).map((money) => money.count));
  return [
    ["orders.created", orders.created],
    ["orders.paid", count(payments)],
    ["orders.closed", orders.closed],
    ["orders.refunds", count(refunds)],
  ];
}

function revenueFigures({ vatBasisPoints, payments, refunds, earnings }: DayFacts): Entries {
  const fen = (sums: readonly MoneySums[], isGranted: boolean) =>
    sum(sums.filter(({ granted }) => granted === isGranted).map(({ amountFen }) => amountFen));
  const net = fen(payments, true) - fen(refunds, true);
  const recognised = sum(earnings.map(({ recognisedFen }) => recognisedFen));
  return [
    ["revenue.sales", fen(payments, true)],
    ["revenue.refunded", fen(refunds, true)],
    ["revenue.net", net],
    ["revenue.vat", vatIn(net, vatBasisPoints)],
    ["revenue.unowed_received", fen(payments, false)],
    ["revenue.unowed_returned", fen(refunds, false)],
    ["revenue.recognised", recognised],
    ["revenue.recognised_vat", vatIn(recognised, vatBasisPoints)],
    ["revenue.deferred", sum(earnings.map(({ deferredFen }) => deferredFen))],
  ];
}

function quotaFigures({ quota, liability }: DayFacts): Entries {
  const available = (...types: LogType[]) => sumOf(quota, types, (row) => row.available);
  const held = (...types: LogType[]) => sumOf(quota, types, (row) => row.held);
  return [
    ["quota.granted", available("GRANT", "ACTIVATE", "RESTORE")],
    ["quota.reserved", held("RESERVE")],
    ["quota.used", -held("COMMIT")],
    ["quota.returned", available("RELEASE", "EXPIRE_HOLD")],
    ["quota.refunded", available("REFUND")],
    ["quota.refunded_after_use", available("REFUND") + held("REFUND")],
    ["quota.lapsed", -available("EXPIRE_GRANT")],
    ["quota.revoked", -available("REVOKE")],
    ["quota.liability", liability],
  ];
}

function sumOf(
  quota: readonly QuotaSums[],
  types: readonly LogType[],
  amount: (row: QuotaSums) => QuotaUnits,
): QuotaUnits {
  return sum(quota.filter(({ type }) => types.includes(type)).map(amount));
}

const MONEY_MOVES = [
  "revenue.sales",
  "revenue.unowed_received",
  "revenue.refunded",
  "revenue.unowed_returned",
];

function costFigures({ costs, paymentFees }: DayFacts, values: Values): Entries {
  const vendors = sum(costs.map(({ amount }) => amount));
  const isMissed = paymentFees === null && MONEY_MOVES.some((id) => values.get(id) !== 0n);
  return [
    ["costs.vendors", vendors],
    ["costs.payment_fees", paymentFees],
    ["costs.bills_missing", isMissed ? 1n : 0n],
    ["costs.total", fenOf(vendors) + fenOf(paymentFees ?? 0n)],
  ];
}

/** What follows from other figures. */
function marginFigures(values: Values): Entries {
  const value = (id: string) => values.get(id) ?? 0n;
  const earned = value("revenue.recognised") - value("revenue.recognised_vat");
  const gross = earned - value("costs.total");
  return [
    ["margin.earned", earned],
    ["margin.gross", gross],
    ["margin.gross_share", perMille(gross, earned)],
  ];
}

function tablesOf(facts: DayFacts, values: Values): ReportTable[] {
  const rows: Readonly<Record<string, Iterable<(string | bigint)[]>>> = {
    "revenue.products": productRows(facts),
    "costs.services": facts.costs.map(({ vendor, service, count, amount }) => [
      vendor,
      service,
      count,
      amount,
    ]),
    "margin.features": featureRows(facts, values.get("margin.earned") ?? 0n),
    "margin.plans": planRows(facts),
  };
  return TABLES.map((rule) => tableFrom(rule, rows[rule.id]!));
}

function productRows({ payments, refunds }: DayFacts): (string | bigint)[][] {
  const granted = (sums: readonly MoneySums[]) => sums.filter((money) => money.granted);
  return [
    ...granted(payments).map(({ product, count, amountFen }) => [product, count, amountFen, 0n]),
    ...granted(refunds).map(({ product, amountFen }) => [product, 0n, 0n, amountFen]),
  ];
}

function featureRows({ quota, featureCosts }: DayFacts, earned: Fen): (string | bigint)[][] {
  const ids = new Set(quota.map(({ featureId }) => featureId).filter((id) => id !== ""));
  const used = [...ids].map((id) => {
    const own = quota.filter(({ featureId }) => featureId === id);
    return {
      id,
      reservations: sumOf(own, ["RESERVE"], ({ reservations }) => reservations),
      used: -sumOf(own, ["COMMIT"], ({ held }) => held),
      refunded: sumOf(own, ["REFUND"], ({ available }) => available),
    };
  });
  const parts = split(
    earned,
    used.map((feature) => [feature.id, feature.used] as const),
  );
  return [
    ...used.map((feature) => [
      feature.id,
      feature.reservations,
      feature.used,
      feature.refunded,
      0n,
      parts.get(feature.id) ?? 0n,
    ]),
    ...featureCosts.map(({ name, amount }) => [name, 0n, 0n, 0n, amount, 0n]),
  ];
}

function planRows({ earnings, planCosts }: DayFacts): (string | bigint)[][] {
  return [
    ...earnings.map(({ planId, recognisedFen }) => [
      planId === "" ? PACK_ROW : planId,
      recognisedFen,
      0n,
    ]),
    ...planCosts.map(({ name, amount }) => [name, 0n, amount]),
  ];
}
