/** What orders earn: each one that was paid is lived through day by day, as docs/finance.md says. */
import { add, grouped, isGranted, orderOf, type RawBooks } from "./raw-books.ts";
import { dayNumber, moment, text, whole, type Row } from "./recomputed.ts";

/** What all orders come to on a day. */
export interface Earning {
  /** Packs under `pack`. */
  readonly byPlan: Map<string, bigint>;
  /** At its end. */
  deferred: bigint;
}

/** @param last the day up to which orders are lived through */
export function liveThrough(books: RawBooks, last: number): ReadonlyMap<number, Earning> {
  const earnings = new Map<number, Earning>();
  const refunds = grouped(books.refunds, (refund) => text(refund["payment_id"]));
  for (const payment of books.payments.values()) {
    if (!isGranted(payment)) continue;
    const order = orderOf(books, payment);
    const plan = text(order["kind"]) === "PLAN" ? text(order["product_id"]) : "pack";
    const life = {
      ...daysOf(books, order, payment),
      amount: whole(payment["amount_fen"]),
      paid: dayNumber(moment(payment["pay_time"])),
      back: backByDay(refunds.get(text(payment["payment_id"])) ?? []),
    };
    for (const { day, earned, deferred } of live(life, last)) {
      const earning = earnings.get(day) ?? { byPlan: new Map(), deferred: 0n };
      earnings.set(day, earning);
      add(earning.byPlan, plan, earned);
      earning.deferred += deferred;
    }
  }
  return earnings;
}

interface Life {
  /** The first day on which it earns, and the first on which it doesn't any more. */
  readonly from: number;
  readonly until: number;
  readonly amount: bigint;
  readonly paid: number;
  /** What went back on each day. */
  readonly back: ReadonlyMap<number, bigint>;
}

function* live({ from, until, amount, paid, back }: Life, last: number) {
  // What had been earned before `begin`, and what is earned from then until the end.
  let before = 0n;
  let rest = amount;
  let begin = from;
  let total = 0n;
  let deferred = amount;
  for (let day = paid; day <= last; day++) {
    const refund = back.get(day) ?? 0n;
    if (refund > 0n) {
      begin = Math.max(day, from);
      before = refund <= deferred ? total : total - (refund - deferred);
      rest = refund <= deferred ? deferred - refund : 0n;
    }
    const yesterday = total;
    if (day >= until - 1) total = before + rest;
    else if (day < begin) total = before;
    else total = before + (rest * BigInt(day - begin + 1)) / BigInt(until - begin);
    deferred = before + rest - total;
    yield { day, earned: total - yesterday, deferred };
  }
}

function daysOf({ steps }: RawBooks, order: Row, payment: Row): Pick<Life, "from" | "until"> {
  if (text(order["kind"]) === "PLAN") {
    const from = dayNumber(moment(order["membership_start_time"]));
    const sold = steps
      .get(text(order["user_id"]))
      ?.find(
        (row) =>
          text(row["order_id"]) === text(order["order_id"]) &&
          ["ACTIVATED", "RENEWED"].includes(text(row["event"])),
      );
    const end = dayNumber(
      moment(sold === undefined ? order["membership_end_time"] : sold["end_after"]),
    );
    return { from, until: Math.max(end, from + 1) };
  }
  const from = dayNumber(moment(payment["pay_time"]));
  const product = JSON.parse(text(order["product"])) as { pack: { validDays: number } };
  return { from, until: from + Math.max(product.pack.validDays, 1) };
}

function backByDay(refunds: readonly Row[]): Map<number, bigint> {
  const back = new Map<number, bigint>();
  for (const refund of refunds) {
    add(back, dayNumber(moment(refund["success_time"])), whole(refund["amount_fen"]));
  }
  return back;
}
