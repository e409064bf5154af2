/** Fund-flow bills, good and bad, against the running till: money that came and went, and the fees, to the fen. */
import assert from "node:assert/strict";
import { HOUR_MS, MINUTE_MS } from "../../src/billing/clock.ts";
import { checkFlow } from "../../src/billing/order/check-bill.ts";
import { Refund_State } from "../../src/gen/billing/order/v1/order.ts";
import { OrderServiceService as service } from "../../src/gen/billing/order/v1/order_service.ts";
import type { BillFault } from "../../src/simulator/index.ts";
import { openBillDesk, type BillDesk } from "../support/bill-desk.ts";
import { flavours } from "../support/servers.ts";

const FLOW = "FUND_FLOW";
const PRICE = 9_900n;
/** 0.6 %, as the simulated WeChat Pay takes. */
const FEE = 59n;

for (const flavour of flavours()) {
  describe(`fund-flow bills on ${flavour}`, () => {
    let desk: BillDesk;
    before(async () => (desk = await openBillDesk(flavour)));
    after(() => desk.close());
    afterEach(() =>
      sql("update bill_days set state = 'DONE', next_try_time = null where state = 'PENDING'"),
    );

    const sql = (text: string) => desk.till.service.bank.sql(text);
    const found = async (date: string) =>
      (await desk.findings(date, FLOW)).map(
        ({ kind, order_id: orderId, note, amount_here_fen: here, amount_there_fen: there }) => ({
          kind,
          orderId,
          note,
          here: here === null ? null : Number(here),
          there: there === null ? null : Number(there),
        }),
      );
    /** The day's fund-flow bill once more, spoiled in this way. */
    const again = (date: string, fault?: BillFault) => {
      if (fault) desk.till.simulator.bills.corrupt(fault);
      return checkFlow(desk.till.payments.bills.parts, date);
    };
    /** A day on which money came, went and was kept, whose bills were checked. */
    const business = async () => {
      const date = await desk.morning();
      const orders = [await desk.buy(), await desk.buy()];
      await desk.refund(orders[1]!.orderId, 4_000n);
      await desk.billTime();
      await desk.checker.check();
      return { date, orders };
    };

    it("a day's payments, fees and refunds agree with the books, and every line is kept", async () => {
      const { date, orders } = await business();
      assert.deepEqual(await found(date), []);
      assert.equal((await desk.day(date, FLOW))!["state"], "DONE");
      const [bill, ...others] = await desk.imports(date, FLOW);
      assert.deepEqual(others, []);
      const feeBack = 24n;
      assert.deepEqual(
        [bill!["order_fen"], bill!["refund_fen"], bill!["fee_micro_yuan"]].map(BigInt as never),
        [2n * PRICE, 2n * FEE + 4_000n - feeBack, 2n * FEE * 10_000n],
      );
      const rows = await sql(
        `select kind, order_id, refund_id, amount_fen from fund_flow_rows
          where bill_id = '${String(bill!["bill_id"])}' order by line`,
      );
      assert.deepEqual(
        rows.map((row) => [row["kind"], row["order_id"], Number(row["amount_fen"])]),
        [
          ["PAYMENT", orders[0]!.orderId, 9_900],
          ["FEE", orders[0]!.orderId, -59],
          ["PAYMENT", orders[1]!.orderId, 9_900],
          ["FEE", orders[1]!.orderId, -59],
          ["REFUND", orders[1]!.orderId, -3_976],
        ],
      );
      assert.match(String(rows[4]!["refund_id"]), /^rfd_/);
    });

    it("a bill that is damaged, cut off, wrongly hashed or summed up is refused whole, and tried again", async () => {
      const date = await desk.morning();
      await desk.buy();
      await desk.billTime();
      const { parts } = desk.till.payments.bills;
      const faults: readonly BillFault[] = [
        "truncated",
        "flipped-byte",
        "wrong-hash",
        "gzip-corrupt",
        "gzip-trailing-data",
        "hash-of-compressed",
        "missing-summary",
        "summary-wrong",
      ];
      for (const fault of faults) {
        const isPromised = fault === "missing-summary" || fault === "summary-wrong";
        desk.till.simulator.bills.corrupt(fault, isPromised ? 1 : 2);
        await assert.rejects(checkFlow(parts, date), /^(GatewayFault|BillFault): /, fault);
        assert.deepEqual(await desk.imports(date, FLOW), [], fault);
      }
      await desk.checker.check();
      assert.deepEqual(await found(date), []);
      assert.equal((await desk.day(date, FLOW))!["state"], "DONE");
    });

    it("what is planted in a bill is found, all of it and nothing else, and gone with the right bill", async () => {
      const { date, orders } = await business();
      const [first] = orders;
      await again(date, "missing-row");
      assert.deepEqual(await found(date), [
        { kind: "MISSING_THERE", orderId: first!.orderId, note: "", here: 9_900, there: null },
      ]);
      await again(date, "changed-amount");
      assert.deepEqual(await found(date), [
        { kind: "AMOUNT_DIFFERS", orderId: first!.orderId, note: "", here: 9_900, there: 9_901 },
      ]);
      await again(date, "extra-row");
      assert.deepEqual(await found(date), [
        { kind: "MISSING_HERE", orderId: "", note: "", here: null, there: 9_900 },
      ]);
      const events = await sql(
        "select payload from outbox_events where type = 'bill.finding' order by event_id desc limit 1",
      );
      const told = JSON.parse(String(events[0]!["payload"])) as Record<string, unknown>;
      assert.deepEqual([told["type"], told["bill_date"], told["findings"]], [FLOW, date, 1]);
      await again(date);
      assert.deepEqual(await found(date), []);
      const states = (await desk.imports(date, FLOW)).map((row) => row["state"]);
      assert.deepEqual(states.toSorted((a, b) => String(a).localeCompare(String(b))), ["CURRENT", "SUPERSEDED", "SUPERSEDED", "SUPERSEDED"]);
    });

    it("money that is booked and never came is found, and so is a fee that isn't the trade bill's", async () => {
      const date = await desk.morning();
      const { orderId } = await desk.buy();
      await desk.forgePayment("ord_forged", desk.till.simulator.clock.now());
      await desk.billTime();
      await desk.checker.check();
      assert.deepEqual(await found(date), [
        { kind: "MISSING_THERE", orderId: "ord_forged", note: "", here: 9_900, there: null },
      ]);
      // Another trade bill of the day, in which the fee is another.
      const [trade] = await desk.imports(date);
      await sql("drop trigger bill_rows_no_update");
      await sql(
        `update bill_rows set fee_micro_yuan = 600000 where bill_id = '${String(trade!["bill_id"])}'
          and order_id = '${orderId}'`,
      );
      await again(date);
      assert.deepEqual((await found(date)).slice(1), [
        { kind: "AMOUNT_DIFFERS", orderId, note: "the fee", here: 60, there: 59 },
      ]);
    });

    it("a closed refund's money comes back, and what contradicts that is found", async () => {
      const date = await desk.morning();
      const { orderId } = await desk.buy();
      desk.till.simulator.refunds.script("default", "CLOSED", MINUTE_MS);
      const { refundId } = await desk.refund(orderId, 4_000n);
      desk.till.simulator.refunds.script("default", "SUCCESS");
      await desk.till.advance(MINUTE_MS + 1_000);
      await desk.till.until(async () => {
        const { refund: now } = await desk.till.service.call(service.getRefund, { refundId });
        return now!.state === Refund_State.CLOSED;
      });
      await desk.billTime();
      await desk.checker.check();
      assert.deepEqual(await found(date), []);
      await sql(`update refunds set state = 'SUCCEEDED' where refund_id = '${refundId}'`);
      await again(date);
      const [only, ...others] = await found(date);
      assert.deepEqual(others, []);
      assert.deepEqual([only!.kind, only!.orderId], ["STATE_DIFFERS", orderId]);
      assert.match(
        String(only!.note),
        /what comes back of a closed refund: SUCCEEDED here, closed there/,
      );
      await sql(`update refunds set state = 'CLOSED' where refund_id = '${refundId}'`);
    });

    it("a fund-flow bill waits for the day's trade bill, and a day without business needs none", async () => {
      const date = await desk.morning();
      await desk.buy();
      await desk.billTime();
      desk.till.simulator.bills.corrupt("wrong-hash", 2);
      await desk.checker.check();
      const day = (await desk.day(date, FLOW))!;
      assert.deepEqual([day["state"], day["attempts"]], ["PENDING", 0]);
      await desk.till.advance(HOUR_MS);
      await desk.checker.check();
      assert.equal((await desk.day(date, FLOW))!["state"], "DONE");
      const empty = await desk.morning();
      await desk.billTime();
      await desk.checker.check();
      const [none] = await desk.imports(empty, FLOW);
      assert.deepEqual([none!["sha1"], none!["line_count"]], ["", 0]);
      assert.deepEqual(await found(empty), []);
    });
  });
}
