/** Bills against books: every difference is found, and none that isn't there. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../../src/billing/clock.ts";
import {
  billDay,
  compareBill,
  EMPTY_BILL,
  paymentKey,
  refundKey,
  type Bill,
  type BillLedger,
  type BillRow,
  type BookedPayment,
  type BookedRefund,
  type FindingKind,
} from "../../../src/billing/order/bill.ts";
import { BILL_DAYS_MAX, billPauseMs, datesToAdd, readyDate } from "../../../src/billing/order/bill-days.ts";
import type { RefundState } from "../../../src/billing/order/order.ts";

const DAY = billDay("2026-11-22")!;

/** One payment or refund as both sides have it, and what is wrong with it. */
interface Pair {
  readonly row: BillRow;
  readonly payment?: BookedPayment;
  readonly refund?: BookedRefund;
}

const TRUE_STATES: readonly (readonly [status: string, state: RefundState])[] = [
  ["SUCCESS", "SUCCEEDED"], ["PROCESSING", "PROCESSING"], ["PROCESSING", "SUCCEEDED"],
  ["PROCESSING", "ABNORMAL"], ["CHANGE", "ABNORMAL"], ["FAIL", "CLOSED"],
];

function pairOf(at: number, offsetMs: number, amountFen: bigint, refundState: number | null): Pair {
  const orderId = `ord_${at}`;
  const timeMs = DAY.startMs + offsetMs;
  const row: BillRow = {
    line: at + 2,
    timeMs,
    transactionId: `4200${at}`,
    outTradeNo: orderId,
    currency: "CNY",
    orderFen: refundState === null ? amountFen : 0n,
    feeMicroYuan: 0n,
    refund: null,
  };
  if (refundState === null) {
    const { transactionId } = row;
    return { row, payment: { orderId, transactionId, amountFen, currency: "CNY", payTimeMs: timeMs } };
  }
  const [status, state] = TRUE_STATES[refundState]!;
  const refundId = `rfd_${at}`;
  // A bill that still says PROCESSING was made before the money arrived: after the day's end.
  const successTimeMs = state !== "SUCCEEDED" ? null : status === "SUCCESS" ? timeMs : DAY.endMs + HOUR_MS;
  return {
    row: { ...row, refund: { outRefundNo: refundId, requestedFen: amountFen, status } },
    refund: { refundId, orderId, amountFen, state, acceptTimeMs: timeMs, successTimeMs },
  };
}

const truth = fc
  .array(
    fc.record({
      offsetMs: fc.oneof(fc.constantFrom(0, DAY_MS - 1), fc.integer({ min: 0, max: DAY_MS - 1 })),
      amountFen: fc.bigInt({ min: 1n, max: 1_000_000_000n }),
      refundState: fc.option(fc.nat(TRUE_STATES.length - 1)),
      wrong: fc.constantFrom<(FindingKind | null)[]>(
        null, null, null, "MISSING_HERE", "MISSING_THERE", "AMOUNT_DIFFERS", "STATE_DIFFERS", "DOUBLED",
      ),
      byFen: fc.bigInt({ min: 1n, max: 100n }),
    }),
    { maxLength: 60 },
  )
  .chain((all) => {
    const order = fc.shuffledSubarray([...all.keys()], { minLength: all.length });
    return fc.record({ all: fc.constant(all), order });
  });

describe("a bill against the books", () => {
  it("shows each difference that was planted, with both amounts, and no other", () => {
    fc.assert(
      fc.property(truth, ({ all, order }) => {
        const rows: BillRow[] = [];
        const payments: BookedPayment[] = [];
        const refunds: BookedRefund[] = [];
        const planted: string[] = [];
        for (const at of order) {
          const { offsetMs, amountFen, refundState, wrong, byFen } = all[at]!;
          const { row, payment, refund } = pairOf(at, offsetMs, amountFen, refundState);
          // Only a refund has a state that could differ.
          const kind = wrong === "STATE_DIFFERS" && refund === undefined ? null : wrong;
          if (kind !== "MISSING_THERE") {
            const more = kind === "AMOUNT_DIFFERS" ? byFen : 0n;
            const spoiled = row.refund && {
              ...row.refund,
              requestedFen: row.refund.requestedFen + more,
              ...(kind === "STATE_DIFFERS" && {
                status: refund!.state === "SUCCEEDED" ? "CLOSED_" : "SUCCESS",
              }),
            };
            const orderFen = row.refund === null ? row.orderFen + more : row.orderFen;
            const there = { ...row, orderFen, refund: spoiled };
            rows.push(there, ...(kind === "DOUBLED" ? [{ ...there, line: there.line + 1_000 }] : []));
          }
          if (kind !== "MISSING_HERE") {
            if (payment) payments.push(payment);
            if (refund) refunds.push(refund);
          }
          if (kind === null) continue;
          const here = kind === "MISSING_HERE" ? null : amountFen;
          const there = {
            MISSING_THERE: null, AMOUNT_DIFFERS: amountFen + byFen, DOUBLED: 2n * amountFen,
            MISSING_HERE: amountFen, STATE_DIFFERS: amountFen,
          }[kind];
          planted.push([kind, row.outTradeNo, refund?.refundId ?? null, here, there].join());
        }
        const ledger: BillLedger = { day: DAY, payments, refunds, elsewhere: new Set() };
        const found = compareBill({ ...EMPTY_BILL, rows }, ledger).map((each) =>
          [each.kind, each.orderId, each.refundId, each.amountHereFen, each.amountThereFen].join(),
        );
        assert.deepEqual(found.sort(), planted.sort());
      }),
      { numRuns: 500 },
    );
  });

  const compare = (pairs: readonly Pair[], more: Partial<BillLedger> = {}, bill: Bill | null = null) =>
    compareBill(bill ?? { ...EMPTY_BILL, rows: pairs.map(({ row }) => row) }, {
      day: DAY,
      payments: pairs.flatMap(({ payment }) => payment ?? []),
      refunds: pairs.flatMap(({ refund }) => refund ?? []),
      elsewhere: new Set(),
      ...more,
    }).map(({ kind }) => kind);

  it("expects what was paid from 00:00:00 to before the next 00:00:00 in Shanghai, no more", () => {
    assert.equal(new Date(DAY.startMs).toISOString(), "2026-11-21T16:00:00.000Z");
    const kinds = [-1, 0, DAY_MS - 1, DAY_MS].map((offsetMs) =>
      compare([pairOf(1, offsetMs, 1n, null)], {}, EMPTY_BILL),
    );
    assert.deepEqual(kinds, [[], ["MISSING_THERE"], ["MISSING_THERE"], []]);
  });

  it("takes a payment for another order's as missing on both sides", () => {
    const pair = pairOf(1, 0, 1n, null);
    const payments = [{ ...pair.payment!, orderId: "ord_other" }];
    assert.deepEqual(compare([pair], { payments }).sort(), ["MISSING_HERE", "MISSING_THERE"]);
  });

  it("takes another currency for another amount", () => {
    const pair = pairOf(1, 0, 1n, null);
    assert.deepEqual(compare([{ ...pair, row: { ...pair.row, currency: "USD" } }]), ["AMOUNT_DIFFERS"]);
  });

  it("finds what two days' bills list, and doesn't miss what the day before has listed", () => {
    const payment = pairOf(1, 0, 1n, null);
    const refund = pairOf(2, 0, 1n, 0);
    const elsewhere = new Set([paymentKey("42001", "ord_1"), refundKey("rfd_2", "ord_2")]);
    assert.deepEqual(compare([payment, refund], { elsewhere }), ["DOUBLED", "DOUBLED"]);
    assert.deepEqual(compare([payment, refund], { elsewhere }, EMPTY_BILL), []);
  });

  it("knows that a refund goes on after the bill was made, and that it never goes back", () => {
    const kinds = (status: string, state: RefundState, successTimeMs: number | null = null) => {
      const { row, refund } = pairOf(1, 0, 1n, 0);
      const there = { ...row, refund: { ...row.refund!, status } };
      return compare([{ row: there, refund: { ...refund!, state, successTimeMs } }]);
    };
    assert.deepEqual(kinds("PROCESSING", "SUCCEEDED", DAY.endMs), []);
    assert.deepEqual(kinds("PROCESSING", "SUCCEEDED", DAY.endMs - 1), ["STATE_DIFFERS"]);
    assert.deepEqual(kinds("SUCCESS", "PROCESSING"), ["STATE_DIFFERS"]);
    assert.deepEqual(kinds("PROCESSING", "REQUESTED"), ["STATE_DIFFERS"]);
    for (const word of ["constructor", "", "退款成功"]) {
      assert.deepEqual(kinds(word, "SUCCEEDED", DAY.startMs), ["STATE_DIFFERS"], word);
    }
  });

  it("expects no refund that the provider hasn't accepted yet", () => {
    const { refund, row } = pairOf(1, 0, 1n, 0);
    const refunds = [{ ...refund!, state: "REQUESTED" as const, acceptTimeMs: null }];
    assert.deepEqual(compare([{ row }], { refunds }, EMPTY_BILL), []);
  });
});

describe("the days whose bills are checked", () => {
  const at = (text: string) => Date.parse(`${text}+08:00`);

  it("end with yesterday from 10:10 in Shanghai on", () => {
    assert.equal(readyDate(at("2026-11-23T10:09:59.999")), "2026-11-21");
    assert.equal(readyDate(at("2026-11-23T10:10:00.000")), "2026-11-22");
  });

  it("are all from the first order on, those missed included, 89 at most, none twice", () => {
    const now = at("2026-11-23T12:00:00");
    assert.deepEqual(datesToAdd(now, new Set(), null), ["2026-11-22"]);
    assert.deepEqual(datesToAdd(now, new Set(["2026-11-22"]), null), []);
    assert.deepEqual(datesToAdd(now, new Set(), now), ["2026-11-22"]);
    const since = at("2026-11-20T00:00:00");
    assert.deepEqual(datesToAdd(now, new Set(["2026-11-21"]), since), ["2026-11-20", "2026-11-22"]);
    const missed = ["2026-11-20", "2026-11-21", "2026-11-22"];
    assert.deepEqual(datesToAdd(now, new Set(["2026-11-19"]), null), missed);
    const years = datesToAdd(now, new Set(), at("2020-01-01T00:00:00"));
    assert.equal(years.length, BILL_DAYS_MAX);
    assert.deepEqual([years[0], years.at(-1)], ["2026-08-26", "2026-11-22"]);
  });

  it("are no other texts than days", () => {
    for (const text of ["2026-02-29", "2026-13-01", "2026-1-1", "", "2026-11-22T00:00:00", "20261122"]) {
      assert.equal(billDay(text), undefined, text);
    }
    assert.equal(billDay("2028-02-29")!.endMs, at("2028-03-01T00:00:00"));
  });

  it("are tried again after ever longer pauses", () => {
    const pauses = Array.from({ length: 20 }, (_, n) => billPauseMs(n + 1));
    assert.equal(pauses[0], 10 * MINUTE_MS);
    assert.ok(pauses.every((pause, n) => pause >= (pauses[n - 1] ?? 0)));
    assert.equal(pauses.at(-1), 6 * HOUR_MS);
  });
});
