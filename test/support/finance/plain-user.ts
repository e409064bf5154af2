/** What one user brings and costs in some days, recomputed from raw rows by docs/finance.md. */
import { roundedVat, toFen } from "./arithmetic.ts";
import { liveThrough } from "./lived-orders.ts";
import type { PlainBooks } from "./plain-typescript.ts";
import { isGranted, paymentOf, sum, type RawBooks } from "./raw-books.ts";
import { dayNumberOf, text, whole, type Row } from "./recomputed.ts";

export interface PlainUser {
  readonly salesFen: bigint;
  readonly refundedFen: bigint;
  readonly recognisedFen: bigint;
  readonly recognisedVatFen: bigint;
  readonly costMicroYuan: bigint;
  readonly used: bigint;
  readonly grossFen: bigint;
}

/** @param dates the days, in their order */
export function userInTypeScript(
  { raw, rates }: PlainBooks,
  userId: string,
  dates: readonly string[],
): PlainUser {
  const days = dates.map(dayNumberOf);
  const isOf = (row: Row) => text(row["user_id"]) === userId;
  const own: RawBooks = {
    ...raw,
    payments: new Map([...raw.payments].filter(([, payment]) => isOf(payment))),
    refunds: raw.refunds.filter(isOf),
  };
  const earnings = liveThrough(own, days.at(-1)!);
  const fen = (rows: readonly Row[]) => sum(rows.map((row) => whole(row["amount_fen"])));
  const total = (of: (day: number) => bigint) => sum(days.map(of));
  const paid = (day: number) => (raw.paid.get(day) ?? []).filter(isOf).filter(isGranted);
  const back = (day: number) =>
    (raw.refunded.get(day) ?? []).filter(isOf).filter((row) => isGranted(paymentOf(raw, row)));
  const recognisedFen = total((day) => sum(earnings.get(day)?.byPlan.values() ?? []));
  const recognisedVatFen = roundedVat(recognisedFen, rates);
  const costMicroYuan = total((day) => raw.tallies.get(day)?.costsByUser.get(userId) ?? 0n);
  return {
    salesFen: total((day) => fen(paid(day))),
    refundedFen: total((day) => fen(back(day))),
    recognisedFen,
    recognisedVatFen,
    costMicroYuan,
    used: total((day) => raw.tallies.get(day)?.usedByUser.get(userId) ?? 0n),
    grossFen: recognisedFen - recognisedVatFen - toFen(costMicroYuan),
  };
}
