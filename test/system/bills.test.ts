/**
 * Bills, good and bad, against the running till: what is refused leaves nothing behind, what differs is
 * found and stored, and a payment that only the bill knows of is asked about and granted.
 */
import assert from "node:assert/strict";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../src/billing/clock.ts";
import { shanghaiDay } from "../../src/billing/calendar.ts";
import { billPauseMs } from "../../src/billing/order/bill-days.ts";
import { Order_State, Refund_State } from "../../src/gen/billing/order/v1/order.ts";
import { OrderServiceService as service } from "../../src/gen/billing/order/v1/order_service.ts";
import { checkDay, startBillChecker } from "../../src/job/bill-checker.ts";
import { freePort } from "../../src/local/port.ts";
import { openPayments } from "../../src/payments.ts";
import { toMs } from "../../src/store/cell.ts";
import { createOrderReader } from "../../src/store/order-reader.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import type { BillFault } from "../../src/simulator/index.ts";
import { createBillSource } from "../../src/wechat/bill-source.ts";
import { createGateway } from "../../src/wechat/gateway.ts";
import { TEST_SEALER, unique } from "../support/bank.ts";
import {
  notingBills,
  openBillDesk,
  startOfDay,
  type BillDesk,
  type BillTold,
} from "../support/bill-desk.ts";
import { flavours } from "../support/servers.ts";
import { keepingLog } from "../support/service.ts";
import { noting, orderIdOf } from "../support/till.ts";
import { startFakeWechat, told as answered, wechatOptions } from "../support/wechat.ts";

for (const flavour of flavours()) {
  describe(`bills on ${flavour}`, () => {
    let desk: BillDesk;
    before(async () => (desk = await openBillDesk(flavour)));
    after(() => desk.close());
    // What a test leaves to be tried again must not take the next test's spoiled bill.
    afterEach(() => sql("update bill_days set state = 'DONE', next_try_time = null where state = 'PENDING'"));

    const sql = (text: string) => desk.till.service.bank.sql(text);
    const failures = () => desk.told.filter(({ call }) => call === "billFailed").length;
    const kindsOf = async (date: string) => (await desk.findings(date)).map((row) => row["kind"]);
    /** Which days' present bills list it. */
    const listedIn = async (column: "order_id" | "refund_id", number: string) => {
      const rows = await sql(
        `select i.bill_date from bill_rows b join bill_imports i on i.bill_id = b.bill_id
          where i.state = 'CURRENT' and b.${column} = '${number}' order by i.bill_date`,
      );
      return rows.map((row) => row["bill_date"]);
    };
    const goTo = async (ms: number) => desk.till.advance(ms - desk.till.simulator.clock.now());
    const isDone = async (date: string) => (await desk.day(date))!["state"] === "DONE";
    const sourceOf = async (orderId: string) => {
      const rows = await sql(`select source, disposition from payments where order_id = '${orderId}'`);
      return rows.map((row) => `${String(row["source"])} ${String(row["disposition"])}`);
    };
    /** A day's business, and its bill spoiled in this way. */
    const checked = async (fault: BillFault | null) => {
      const date = await desk.morning();
      const orders = [await desk.buy(), await desk.buy()];
      await desk.billTime();
      if (fault) desk.till.simulator.bills.corrupt(fault);
      await desk.checker.check();
      return { date, orders };
    };

    it("a payment whose callback and queries were all lost is granted by the bill, once", async () => {
      const date = await desk.morning();
      const { orderId, userId } = await desk.buy({ lost: true });
      await desk.billTime();
      assert.equal((await desk.till.get(orderId)).order!.state, Order_State.PENDING);
      await desk.checker.check();
      assert.equal((await desk.till.get(orderId)).order!.state, Order_State.PAID);
      assert.deepEqual(await sourceOf(orderId), ["BILL GRANTED"]);
      assert.equal(await desk.till.balance(userId), 300n);
      assert.deepEqual(await kindsOf(date), []);
      const [bill] = await desk.imports(date);
      assert.deepEqual([bill!["line_count"], bill!["settled_count"]], [1, 1]);
      assert.ok(await isDone(date));
      desk.till.simulator.faults.callbacks.drop({ chance: 0 });
    });

    it("71, 72: refuses a bill that is damaged, cut off, wrongly hashed or summed up", async () => {
      const date = await desk.morning();
      const { orderId } = await desk.buy({ lost: true });
      await desk.billTime();
      const faults: readonly BillFault[] = [
        "truncated", "flipped-byte", "wrong-hash", "gzip-corrupt", "gzip-trailing-data", "zip-bomb",
        "hash-of-compressed", "missing-summary", "summary-wrong",
      ];
      for (const [at, fault] of faults.entries()) {
        const before = failures();
        // What isn't what was promised is asked for twice in one try.
        const isPromised = fault === "missing-summary" || fault === "summary-wrong";
        desk.till.simulator.bills.corrupt(fault, isPromised ? 1 : 2);
        await desk.checker.check();
        assert.equal(failures() - before, 1, fault);
        assert.deepEqual(await desk.imports(date), [], fault);
        const day = (await desk.day(date))!;
        assert.equal(day["state"], "PENDING", fault);
        assert.match(String(day["note"]), /^(GatewayFault|BillFault): /, fault);
        assert.equal((await desk.till.get(orderId)).order!.state, Order_State.PENDING, fault);
        await desk.till.advance(billPauseMs(at + 1) + 1_000);
      }
      await desk.checker.check();
      assert.ok(await isDone(date));
      assert.deepEqual(await sourceOf(orderId), ["BILL GRANTED"]);
      desk.till.simulator.faults.callbacks.drop({ chance: 0 });
    });

    it("73: asks again for a bill that isn't made yet", async () => {
      const date = await desk.morning();
      await desk.buy();
      await goTo(startOfDay(desk.till.simulator.clock.now()) + DAY_MS + 9.5 * HOUR_MS);
      // As an operator in a hurry would put it on the list.
      await sql(
        `insert into bill_days
          values ('${date}', 'TRADE', 'PENDING', 0, '2026-01-01', '', '2026-01-01', null)`,
      );
      await desk.checker.check();
      assert.deepEqual(desk.told.findLast(({ call }) => call === "billLate")!.facts, [date, 1]);
      assert.ok(!(await isDone(date)));
      assert.equal(await desk.checker.check(), 0, "not before the pause is over");
      await desk.till.advance(HOUR_MS);
      await desk.checker.check();
      assert.ok(await isDone(date));
    });

    it("73: a day without business has no bill; where the books aren't empty that is an alarm", async () => {
      for (const code of [400, 404] as const) {
        desk.till.simulator.settings.noStatementStatus = code;
        const quiet = await desk.morning();
        await desk.billTime();
        await desk.checker.check();
        assert.ok(await isDone(quiet));
        assert.deepEqual(await kindsOf(quiet), []);
        const date = await desk.morning();
        await desk.forgePayment(unique("ord_forged"), desk.till.simulator.clock.now());
        await desk.billTime();
        await desk.checker.check();
        assert.deepEqual(await kindsOf(date), ["MISSING_THERE"]);
        assert.ok(!(await isDone(date)), "it's asked for again");
        const [event] = await sql(
          "select payload from outbox_events where type = 'bill.finding' order by event_id desc limit 1",
        );
        const payload = JSON.parse(event!["payload"] as string) as Record<string, unknown>;
        assert.deepEqual([payload["bill_date"], payload["missing_there"], payload["lines"]], [date, 1, 0]);
      }
      desk.till.simulator.settings.noStatementStatus = 400;
    });

    it("74: asks for a new link when one has run out, and says whose bill it may not have", async () => {
      const date = await desk.morning();
      await desk.buy();
      await desk.billTime();
      const hold = desk.till.simulator.faults.hold({ path: "/v3/bill/tradebill" }, "after");
      const checking = desk.checker.check();
      await hold.reached;
      await desk.till.advance(6 * MINUTE_MS);
      hold.release();
      await checking;
      assert.ok(await isDone(date));
      assert.equal((await desk.imports(date)).length, 1);

      const link = {
        hash_type: "SHA1",
        hash_value: "0".repeat(40),
        download_url: "https://api.mch.weixin.qq.com/v3/billdownload/file?token=theirs",
      };
      const wechat = await startFakeWechat(({ target }) =>
        target.startsWith("/v3/bill/")
          ? answered(link)
          : { status: 403, body: JSON.stringify({ code: "NO_AUTH", message: "下载者与申请者不一致" }) },
      );
      const gateway = createGateway(wechatOptions({ baseUrls: [wechat.url] }), keepingLog());
      try {
        const { parts, days } = desk.till.payments.bills;
        const stranger = { ...parts, source: createBillSource(gateway) };
        const next = await desk.morning();
        await desk.billTime();
        await days.add();
        const options = { parts: stranger, days, observer: desk.observer };
        await checkDay(options, { date: next, attempt: 1 });
        assert.match(String((await desk.day(next))!["note"]), /^NO_AUTH: /);
        assert.match(String(desk.told.findLast(({ call }) => call === "billFailed")!.facts[1]), /NO_AUTH/);
        assert.deepEqual(await desk.imports(next), []);
      } finally {
        await gateway.close();
        await wechat.close();
      }
    });

    it("75, 76: reads what only looks odd, by the names of its columns", async () => {
      const looks: readonly (BillFault | null)[] = [
        "no-byte-order-mark", "lf", "no-final-newline", "old-layout", "unknown-column",
        "reordered-columns", "comma-in-name", null,
      ];
      for (const look of looks) {
        desk.till.simulator.settings.summaryNumbers = look === null ? "plain" : "short";
        const { date } = await checked(look);
        assert.ok(await isDone(date), String(look));
        assert.deepEqual(await kindsOf(date), [], String(look));
        const [bill] = await desk.imports(date);
        const sums = [bill!["line_count"], bill!["order_fen"]].map(Number);
        assert.deepEqual(sums, [2, 19_800], String(look));
      }
      desk.till.simulator.settings.summaryNumbers = "short";
    });

    it("77: refuses a line with a comma too many, and names the line", async () => {
      const { date } = await checked("separator-in-name");
      assert.match(String((await desk.day(date))!["note"]), /^BillFault: line 2: 28 values for 27 columns/);
      assert.deepEqual(await desk.imports(date), []);
    });

    it("78: finds what one side alone has, and other amounts, and moves no money", async () => {
      const only = await checked("extra-row");
      assert.deepEqual(await kindsOf(only.date), ["MISSING_HERE"]);
      const [extra] = await desk.findings(only.date);
      assert.equal(extra!["amount_here_fen"], null);
      assert.equal(Number(extra!["amount_there_fen"]), 9_900);
      const missing = await checked("missing-row");
      assert.deepEqual(await kindsOf(missing.date), ["MISSING_THERE"]);
      const [gone] = await desk.findings(missing.date);
      assert.equal(gone!["order_id"], missing.orders[0]!.orderId);
      const changed = await checked("changed-amount");
      const [other] = await desk.findings(changed.date);
      assert.deepEqual([other!["kind"], other!["order_id"]], ["AMOUNT_DIFFERS", changed.orders[0]!.orderId]);
      const amounts = [other!["amount_here_fen"], other!["amount_there_fen"]].map(Number);
      assert.deepEqual(amounts, [9_900, 9_901]);
      for (const { date, orders } of [only, missing, changed]) {
        assert.ok(await isDone(date), "a person decides; asking again would not help");
        for (const { orderId, userId } of orders) {
          assert.equal((await desk.till.get(orderId)).order!.state, Order_State.PAID);
          assert.equal((await sourceOf(orderId)).length, 1);
          assert.equal(await desk.till.balance(userId), 300n);
        }
      }
      const [refunds] = await sql("select count(*) as n from refunds");
      assert.equal(Number(refunds!["n"]), 0);
    });

    it("78: believes the provider and not the bill about a payment that isn't booked", async () => {
      const date = await desk.morning();
      const { orderId } = await desk.buy({ lost: true });
      await desk.billTime();
      desk.till.simulator.orders.force(orderId, "NOTPAY");
      await desk.checker.check();
      const [finding] = await desk.findings(date);
      assert.equal(finding!["kind"], "MISSING_HERE");
      assert.match(String(finding!["note"]), /WeChat Pay says NOTPAY/);
      assert.equal((await desk.till.get(orderId)).payments.length, 0);
      desk.till.simulator.faults.callbacks.drop({ chance: 0 });
    });

    it("78: finds a refund that stands otherwise in the bill, after asking how it goes", async () => {
      const date = await desk.morning();
      const [asked, differs] = [await desk.buy(), await desk.buy()];
      // Neither the callback nor any query tells that the first has succeeded.
      desk.till.simulator.faults.callbacks.drop({ chance: 1 });
      const first = await desk.refund(asked.orderId, 9_900n);
      desk.till.simulator.refunds.script("default", "SUCCESS", 30 * DAY_MS);
      const second = await desk.refund(differs.orderId, 9_900n);
      desk.till.simulator.refunds.script("default", "SUCCESS");
      await desk.billTime();
      // The books say that the second has arrived, and the bill says that it hasn't.
      await sql(
        `update refunds set state = 'SUCCEEDED', success_time = create_time
          where refund_id = '${second.refundId}'`,
      );
      await desk.checker.check();
      desk.till.simulator.faults.callbacks.drop({ chance: 0 });
      const { refundId } = first;
      const answer = await desk.till.service.call(service.getRefund, { refundId });
      assert.equal(answer.refund!.state, Refund_State.SUCCEEDED);
      const steps = await sql(
        `select source from order_steps where subject_id = '${refundId}' and to_state = 'SUCCEEDED'`,
      );
      assert.deepEqual(steps.map((row) => row["source"]), ["BILL"]);
      const [finding, ...others] = await desk.findings(date);
      assert.deepEqual(others, []);
      assert.deepEqual([finding!["kind"], finding!["refund_id"]], ["STATE_DIFFERS", second.refundId]);
      const note = "SUCCEEDED here, PROCESSING there; asked, WeChat Pay says PROCESSING";
      assert.equal(finding!["note"], note);
    });

    it("79: puts 23:59:59 and 00:00:00 of Shanghai into the right days, in any zone", async () => {
      const zone = process.env["TZ"];
      try {
        for (const each of ["UTC", "America/Los_Angeles"]) {
          process.env["TZ"] = each;
          const first = await desk.morning();
          const { clock } = desk.till.simulator;
          const midnight = startOfDay(clock.now()) + DAY_MS;
          await desk.till.advance(midnight - 30_000 - clock.now());
          const placed = [];
          for (let n = 0; n < 2; n++) {
            placed.push(orderIdOf(await desk.till.order(await desk.till.user())));
          }
          desk.till.simulator.faults.callbacks.drop({ chance: 1 });
          clock.set(midnight - 1_000, true);
          desk.till.simulator.user.pay(placed[0]!);
          clock.set(midnight, true);
          desk.till.simulator.user.pay(placed[1]!);
          clock.resume();
          await desk.till.advance(DAY_MS + 11 * HOUR_MS);
          await desk.checker.check();
          desk.till.simulator.faults.callbacks.drop({ chance: 0 });
          const second = shanghaiDay(midnight);
          for (const [at, date] of [first, second].entries()) {
            const [bill] = await desk.imports(date);
            assert.equal(bill!["line_count"], 1);
            assert.deepEqual(await listedIn("order_id", placed[at]!), [date], each);
            assert.deepEqual(await kindsOf(date), [], `${each} ${date}`);
            assert.deepEqual(await sourceOf(placed[at]!), ["BILL GRANTED"]);
          }
        }
      } finally {
        if (zone === undefined) delete process.env["TZ"];
        else process.env["TZ"] = zone;
      }
    });

    it("80: writes the same bill down once; another one of the day takes its place", async () => {
      const { date } = await checked("changed-amount");
      const { parts, days } = desk.till.payments.bills;
      const again = () => checkDay({ parts, days, observer: desk.observer }, { date, attempt: 1 });
      const events = async () =>
        (await sql("select event_id from outbox_events where type = 'bill.finding'")).length;
      const all = async () =>
        [await desk.imports(date), await desk.findings(date)].map(({ length }) => length);
      assert.deepEqual(await all(), [1, 1]);
      const before = await events();
      desk.till.simulator.bills.corrupt("changed-amount");
      await again();
      assert.deepEqual(await all(), [1, 1]);
      assert.equal(await events(), before, "nobody is told twice");
      await again();
      const imports = await desk.imports(date);
      assert.deepEqual(imports.map((row) => row["state"]), ["SUPERSEDED", "CURRENT"]);
      assert.deepEqual(await kindsOf(date), [], "the right bill has no difference");
      const old = String(imports[0]!["bill_id"]);
      const rows = await sql(`select clear_time from bill_findings where bill_id = '${old}'`);
      assert.ok(rows.every((row) => row["clear_time"] !== null));
    });

    it("a refund that WeChat Pay takes after midnight is expected in the next day's bill", async () => {
      const date = await desk.morning();
      const { orderId } = await desk.buy();
      const { clock } = desk.till.simulator;
      await goTo(startOfDay(clock.now()) + DAY_MS - 5 * MINUTE_MS);
      desk.till.simulator.balance.setFen(0n);
      const { refundId } = await desk.refund(orderId, 9_900n);
      await desk.till.advance(20 * MINUTE_MS);
      desk.till.simulator.balance.setFen(1_000_000n);
      await desk.till.checker.check();
      const accepted = await sql(
        `select sequence from order_steps where subject_id = '${refundId}' and sequence = 2`,
      );
      assert.equal(accepted.length, 1);
      await desk.till.advance(11 * HOUR_MS);
      await desk.checker.check();
      assert.deepEqual(await kindsOf(date), []);
      await desk.billTime();
      await desk.checker.check();
      const [listed, ...others] = await listedIn("refund_id", refundId);
      assert.deepEqual(others, []);
      assert.ok(String(listed) > date);
      assert.deepEqual(await kindsOf(String(listed)), []);
    });

    it("a refund whose acceptance became known after midnight isn't missed", async () => {
      const date = await desk.morning();
      const { orderId } = await desk.buy();
      const { clock, faults } = desk.till.simulator;
      await goTo(startOfDay(clock.now()) + DAY_MS - 5 * MINUTE_MS);
      faults.callbacks.drop({ chance: 1 });
      faults.next({ path: "/v3/refund" }, { kind: "reset", when: "after" }, 3);
      const { refundId } = await desk.refund(orderId, 9_900n);
      const before = await sql(`select sequence from order_steps where subject_id = '${refundId}'`);
      assert.equal(before.length, 1, "every answer was lost");
      faults.clear();
      await desk.till.advance(20 * MINUTE_MS);
      await desk.till.checker.check();
      const next = shanghaiDay(clock.now());
      await desk.buy();
      await desk.billTime();
      await desk.checker.check();
      for (const each of [date, next]) assert.deepEqual(await kindsOf(each), [], each);
      assert.deepEqual(await listedIn("refund_id", refundId), [date]);
      const [step] = await sql(
        `select create_time from order_steps where subject_id = '${refundId}' and sequence = 2`,
      );
      assert.equal(shanghaiDay(toMs(step!["create_time"])), next, "it became known on the next day");
    });

    it("a payment that two days' bills list is found in both", async () => {
      const first = await checked(null);
      const second = await checked(null);
      const [bill] = await desk.imports(second.date);
      const twice = first.orders[0]!.orderId;
      await sql(
        `insert into bill_rows select '${String(bill!["bill_id"])}', 99, kind, time, order_id,
          transaction_index, refund_id, amount_fen, fee_micro_yuan, status
          from (select * from bill_rows where order_id = '${twice}') as b`,
      );
      const { parts, days } = desk.till.payments.bills;
      const options = { parts, days, observer: desk.observer };
      await checkDay(options, { date: first.date, attempt: 1 });
      const found = (await desk.findings(first.date)).map((row) => [row["kind"], row["order_id"]]);
      assert.deepEqual(found, [["DOUBLED", twice]]);
    });

    it("days that were missed while nobody ran are caught up with, each once, by two servers", async () => {
      const dates: string[] = [];
      const orders: string[] = [];
      for (let n = 0; n < 4; n++) {
        dates.push(await desk.morning());
        orders.push((await desk.buy({ lost: true })).orderId);
      }
      await desk.billTime();
      const { till } = desk;
      const port = await freePort();
      const composed: BillTold[] = [];
      const theirs: BillTold[] = [];
      const orm = await openOrm({ url: till.service.bank.url, poolMax: 4 });
      const other = await openPayments({
        merchant: till.merchant,
        orm,
        context: till.service.bank.context,
        sealer: TEST_SEALER,
        teller: till.service.bank.teller,
        reader: createOrderReader(orm, TEST_SEALER),
        log: keepingLog().log,
        observer: noting([]),
        now: () => till.simulator.clock.now(),
        callback: { host: "127.0.0.1", port },
        checkIntervalMs: 1_000,
        bills: notingBills(composed),
      });
      const observer = notingBills(theirs);
      const second = startBillChecker({ ...other.bills, intervalMs: 2 ** 31 - 1, observer });
      try {
        await Promise.all([desk.checker.check(), second.check()]);
        await till.until(async () => theirs.some(({ call }) => call === "billsChecked"));
        // Both may have had one under way when the other looked for the last time.
        await till.until(async () => {
          const listed = dates.join("','");
          const rows = await sql(`select state from bill_days where type = 'TRADE' and bill_date in ('${listed}')`);
          return rows.length === dates.length && rows.every((row) => row["state"] === "DONE");
        });
        for (const [at, date] of dates.entries()) {
          const settled = (await desk.imports(date)).map((row) => Number(row["settled_count"]));
          assert.deepEqual(settled, [1], date);
          assert.deepEqual(await kindsOf(date), [], date);
          assert.equal(Number((await desk.day(date))!["attempts"]), 1, date);
          assert.deepEqual(await sourceOf(orders[at]!), ["BILL GRANTED"]);
        }
        assert.deepEqual(composed, []);
        other.startChecking();
        await till.until(async () => composed.some(({ call }) => call === "billsChecked"));
      } finally {
        till.simulator.faults.callbacks.drop({ chance: 0 });
        await second.stop();
        await other.close();
        await closeOrm(orm);
      }
    });
  });
}
