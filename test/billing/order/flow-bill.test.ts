/** Fund-flow bills against the books: whatever is planted is found, and nothing else is. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../../src/billing/clock.ts";
import { billDay, type BillFinding, type BookedPayment } from "../../../src/billing/order/bill.ts";
import {
  compareFlow,
  flowKey,
  linkRows,
  type FlowKind,
  type FlowLedger,
  type FlowRefund,
  type FlowRow,
} from "../../../src/billing/order/flow-bill.ts";

const DAY = billDay("2026-12-31")!;

/** A day of business, as the books have it and as its bill has it. */
interface Business {
  ledger: FlowLedger;
  rows: FlowRow[];
}

interface Sale {
  readonly amountFen: number;
  /** What went back: null for nothing. */
  readonly refund: { readonly part: number; readonly isClosed: boolean } | null;
}

const anySale: fc.Arbitrary<Sale> = fc.record({
  amountFen: fc.integer({ min: 1, max: 1_000_000 }),
  refund: fc.option(
    fc.record({ part: fc.double({ min: 0.01, max: 1, noNaN: true }), isClosed: fc.boolean() }),
  ),
});

/** 0.6 %, rounded half up. */
const feeOf = (fen: bigint) => (fen * 6n + 500n) / 1_000n;

function businessOf(sales: readonly Sale[]): Business {
  const payments: BookedPayment[] = [];
  const refunds: FlowRefund[] = [];
  const tradePayments = new Map<string, { orderId: string; feeMicroYuan: bigint }>();
  const tradeRefunds = new Map<string, { orderId: string; feeMicroYuan: bigint }>();
  const rows: FlowRow[] = [];
  const add = (kind: FlowKind, businessNumber: string, amountFen: bigint, voucher = "") => {
    if (amountFen === 0n) return;
    const line = rows.length + 2;
    rows.push({
      line,
      kind,
      timeMs: DAY.startMs + line * 1_000,
      businessNumber,
      flowId: `flow-${line}`,
      businessName: kind,
      amountFen,
      balanceFen: 0n,
      voucher,
    });
  };
  for (const [at, sale] of sales.entries()) {
    const orderId = `ord_${at}`;
    const transactionId = `4200${at}`;
    const amountFen = BigInt(sale.amountFen);
    const fee = feeOf(amountFen);
    const payTimeMs = DAY.startMs + at;
    payments.push({ orderId, transactionId, amountFen, currency: "CNY", payTimeMs });
    tradePayments.set(transactionId, { orderId, feeMicroYuan: fee * 10_000n });
    add("PAYMENT", transactionId, amountFen);
    add("FEE", transactionId, -fee);
    if (sale.refund === null) continue;
    const { part, isClosed } = sale.refund;
    const back = BigInt(Math.max(1, Math.floor(part * sale.amountFen)));
    const feeBack = fee - feeOf(amountFen - back);
    const refundId = `rfd_${at}`;
    tradeRefunds.set(refundId, { orderId, feeMicroYuan: -feeBack * 10_000n });
    refunds.push({
      refundId,
      orderId,
      amountFen: back,
      state: isClosed ? "CLOSED" : "SUCCEEDED",
      acceptTimeMs: DAY.startMs + HOUR_MS,
      successTimeMs: isClosed ? null : DAY.startMs + 2 * HOUR_MS,
      providerRefundId: `5000${at}`,
      closeTimeMs: isClosed ? DAY.startMs + 2 * HOUR_MS : null,
    });
    add("REFUND", `5000${at}`, feeBack - back, refundId);
    if (isClosed) add("REFUND_RETURN", `5000${at}`, back - feeBack, refundId);
  }
  add("OTHER", "10001", -1_234n);
  const ledger = {
    day: DAY,
    payments,
    refunds,
    tradePayments,
    tradeRefunds,
    elsewhere: new Set<string>(),
  };
  return { ledger, rows };
}

function compared({ rows, ledger }: Business): BillFinding[] {
  const sum = { inFen: 0n, outFen: 0n };
  return compareFlow(linkRows({ rows, totals: sum }, ledger), ledger);
}

/** One difference, planted in the lines of one payment or refund. @returns what must be found */
const PLANTS: Readonly<Record<string, (business: Business, at: number) => string[]>> = {
  "a line is missing": ({ rows }, at) => {
    const [row] = rows.splice(at, 1);
    // What came back of a refund that never left isn't missed beside it.
    return [`MISSING_THERE ${row!.kind}`];
  },
  "a line is there twice": ({ rows }, at) => {
    rows.push({ ...rows[at]!, line: rows.length + 2 });
    return [`DOUBLED ${rows[at]!.kind}`];
  },
  "another amount": ({ rows }, at) => {
    const row = rows[at]!;
    rows[at] = { ...row, amountFen: row.amountFen + 1n };
    return [`AMOUNT_DIFFERS ${row.kind}`];
  },
  "a line of nothing that is known": ({ rows }, at) => {
    const { kind } = rows[at]!;
    rows.push({ ...rows[at]!, line: rows.length + 2, businessNumber: "9999", voucher: "rfd_none" });
    return [`MISSING_HERE ${kind}`];
  },
  "another day's bill lists it too": (business, at) => {
    const row = business.rows[at]!;
    const number = row.voucher === "" ? row.businessNumber : row.voucher;
    const elsewhere = new Set([flowKey(row.kind, number)]);
    business.ledger = { ...business.ledger, elsewhere };
    return [`DOUBLED ${row.kind}`];
  },
};

const nameOf = ({ kind, refundId, aspect }: BillFinding) => {
  const plain = refundId === null ? "PAYMENT" : "REFUND";
  const named = { FEE: "FEE", RETURN: "REFUND_RETURN" } as const;
  return `${kind} ${aspect === undefined ? plain : named[aspect]}`;
};

describe("a fund-flow bill", () => {
  it("that agrees with the books to the fen gives no finding", () => {
    fc.assert(
      fc.property(fc.array(anySale, { maxLength: 12 }), (sales) => {
        assert.deepEqual(compared(businessOf(sales)), []);
      }),
    );
  });

  for (const [plant, plantIn] of Object.entries(PLANTS)) {
    it(`in which ${plant} is found out, with that and nothing else`, () => {
      fc.assert(
        fc.property(fc.array(anySale, { minLength: 1, maxLength: 12 }), fc.nat(), (sales, n) => {
          const business = businessOf(sales);
          // The last line is a withdrawal, about which the books know nothing.
          const at = n % (business.rows.length - 1);
          const isRefundGone =
            business.rows[at]!.kind === "REFUND" && plant === "a line is missing";
          const expected = plantIn(business, at);
          const found = compared(business).map(nameOf);
          if (isRefundGone) assert.ok(found.includes(expected[0]!), found.join());
          else assert.deepEqual(found, expected);
        }),
      );
    });
  }

  it("is held against the fee of the trade bill, and says nothing of a fee that none tells", () => {
    const { ledger, rows } = businessOf([{ amountFen: 9_900, refund: null }]);
    const wrong = rows.map((row) => (row.kind === "FEE" ? { ...row, amountFen: -60n } : row));
    const [finding] = compared({ ledger, rows: wrong });
    assert.deepEqual(
      [
        finding!.kind,
        finding!.aspect,
        finding!.amountHereFen,
        finding!.amountThereFen,
        finding!.note,
      ],
      ["AMOUNT_DIFFERS", "FEE", 59n, 60n, "the fee"],
    );
    assert.deepEqual(
      compared({ ledger: { ...ledger, tradePayments: new Map() }, rows: wrong }),
      [],
    );
  });

  it("finds a refund by WeChat Pay's number where the line has none of ours", () => {
    const sale = { amountFen: 9_900, refund: { part: 0.5, isClosed: true } };
    const { ledger, rows } = businessOf([sale]);
    assert.deepEqual(compared({ ledger, rows: rows.map((row) => ({ ...row, voucher: "" })) }), []);
  });

  it("misses nothing of a payment at the last moment of the day, and expects none of the next", () => {
    const { ledger, rows } = businessOf([{ amountFen: 100, refund: null }]);
    const at = (payTimeMs: number) => ({
      ...ledger,
      payments: ledger.payments.map((payment) => ({ ...payment, payTimeMs })),
    });
    const none = rows.filter(({ kind }) => kind === "OTHER");
    const kinds = (payTimeMs: number) =>
      compared({ ledger: at(payTimeMs), rows: none }).map(({ kind }) => kind);
    assert.deepEqual(kinds(DAY.startMs), ["MISSING_THERE", "MISSING_THERE"]);
    assert.deepEqual(kinds(DAY.endMs - 1), ["MISSING_THERE", "MISSING_THERE"]);
    assert.deepEqual(kinds(DAY.endMs), []);
    assert.deepEqual(kinds(DAY.startMs - 1), []);
  });

  it("says so when money came back of a refund that isn't closed here, or didn't of one that is", () => {
    const closed = businessOf([{ amountFen: 9_900, refund: { part: 0.5, isClosed: true } }]);
    const open = {
      ...closed.ledger,
      refunds: closed.ledger.refunds.map((refund) => ({
        ...refund,
        state: "SUCCEEDED" as const,
        closeTimeMs: null,
      })),
    };
    const [differs] = compared({ rows: closed.rows, ledger: open });
    assert.equal(differs!.kind, "STATE_DIFFERS");
    assert.match(differs!.note, /SUCCEEDED here, closed there/);
    const rows = closed.rows.filter(({ kind }) => kind !== "REFUND_RETURN");
    const [missing] = compared({ rows, ledger: closed.ledger });
    assert.deepEqual([missing!.kind, missing!.aspect], ["MISSING_THERE", "RETURN"]);
    const later = closed.ledger.refunds.map((refund) => ({
      ...refund,
      closeTimeMs: DAY.endMs + DAY_MS + MINUTE_MS,
    }));
    assert.deepEqual(compared({ rows, ledger: { ...closed.ledger, refunds: later } }), []);
  });
});
