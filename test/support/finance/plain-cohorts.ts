/** The cohorts of a month's report, recomputed from raw rows by docs/finance.md. */
import type { PlainBooks } from "./plain-typescript.ts";
import { add, isGranted, lastStep, orderOf, paymentOf, type RawBooks } from "./raw-books.ts";
import {
  dayNumber,
  dayNumberOf,
  dayText,
  moment,
  sorted,
  text,
  whole,
  type RecomputedRow,
} from "./recomputed.ts";

/** `cohorts.months`. @param dates the days that the month is made of, in their order */
export function cohortsInTypeScript(
  { raw }: PlainBooks,
  dates: readonly string[],
): RecomputedRow[] {
  const days = dates.map(dayNumberOf);
  const last = days.at(-1)!;
  const cohortOf = cohortsUntil(raw, last);
  const [members, active, sales, refunded, costs] = [0, 0, 0, 0, 0].map(
    () => new Map<string, bigint>(),
  );
  const book = (to: Map<string, bigint> | undefined, userId: string, amount: bigint) => {
    const month = cohortOf.get(userId);
    if (month !== undefined) add(to!, month, amount);
  };
  for (const userId of cohortOf.keys()) {
    book(members, userId, 1n);
    if (text(lastStep(raw, userId, last)?.["to_state"]) === "ACTIVE") book(active, userId, 1n);
  }
  for (const day of days) {
    for (const payment of raw.paid.get(day) ?? []) {
      if (isGranted(payment)) book(sales, text(payment["user_id"]), whole(payment["amount_fen"]));
    }
    for (const refund of raw.refunded.get(day) ?? []) {
      if (!isGranted(paymentOf(raw, refund))) continue;
      book(refunded, text(refund["user_id"]), whole(refund["amount_fen"]));
    }
    for (const [userId, amount] of raw.tallies.get(day)?.costsByUser ?? [])
      book(costs, userId, amount);
  }
  const months = [...new Set(cohortOf.values())];
  return sorted(
    months.map((month) => [
      month,
      ...[members, active, sales, refunded, costs].map((of) => of!.get(month) ?? 0n),
    ]),
  );
}

/** The month of each user's first granted payment for a plan, up to a day. */
function cohortsUntil(raw: RawBooks, last: number): Map<string, string> {
  const firstDay = new Map<string, number>();
  for (const payment of raw.payments.values()) {
    const day = dayNumber(moment(payment["pay_time"]));
    const isPlan = text(orderOf(raw, payment)["kind"]) === "PLAN";
    if (!isGranted(payment) || !isPlan || day > last) continue;
    const userId = text(payment["user_id"]);
    firstDay.set(userId, Math.min(day, firstDay.get(userId) ?? day));
  }
  return new Map([...firstDay].map(([userId, day]) => [userId, dayText(day).slice(0, 7)]));
}
