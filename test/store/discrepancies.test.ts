/** Work on differences between bills and books: every step is kept, and the check and people don't undo each other. */
import assert from "node:assert/strict";
import type { MikroORM } from "@mikro-orm/mysql";
import { billDay, EMPTY_BILL, type BillFinding } from "../../src/billing/order/bill.ts";
import type { BillBooks } from "../../src/billing/order/check-bill.ts";
import type { Command } from "../../src/billing/quota/desk.ts";
import { Refusal } from "../../src/billing/refusal.ts";
import type {
  DiscrepancyBooks,
  DiscrepancyFilter,
  DiscrepancyReader,
} from "../../src/billing/report/discrepancy-books.ts";
import {
  assignDiscrepancy,
  reopenDiscrepancy,
  resolveDiscrepancy,
} from "../../src/billing/report/discrepancy.ts";
import { createBillBooks } from "../../src/store/bill-books.ts";
import {
  createDiscrepancyBooks,
  createDiscrepancyReader,
} from "../../src/store/discrepancy-books.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { openBank, TEST_SEALER, unique, type Bank } from "../support/bank.ts";
import { flavours } from "../support/servers.ts";

const ANY: DiscrepancyFilter = {
  startDate: null,
  endDate: null,
  kind: null,
  state: null,
  source: null,
  orderId: null,
};

function finding(more: Partial<BillFinding> = {}): BillFinding {
  const orderId = unique("ord_disc");
  return {
    kind: "AMOUNT_DIFFERS",
    orderId,
    transactionId: `42000000000000000000${orderId.replaceAll(/\D/g, "").padStart(8, "0")}`,
    refundId: null,
    amountHereFen: 9_900n,
    amountThereFen: 9_901n,
    line: 2,
    note: "",
    ...more,
  };
}

for (const flavour of flavours()) {
  describe(`discrepancies on ${flavour}`, () => {
    let bank: Bank;
    let orm: MikroORM;
    let bills: BillBooks;
    let books: DiscrepancyBooks;
    let reader: DiscrepancyReader;
    before(async () => {
      bank = await openBank(flavour);
      orm = await openOrm({ url: bank.url, poolMax: 4 });
      bills = createBillBooks(orm, bank.context, TEST_SEALER);
      books = createDiscrepancyBooks(orm, bank.context);
      reader = createDiscrepancyReader(orm);
    });
    after(async () => {
      await closeOrm(orm);
      await bank.close();
    });

    /** As the check of that day's bill writes down what it finds. */
    const check = (date: string, findings: readonly BillFinding[], sha1 = "a".repeat(40)) =>
      bills.record({ type: "TRADE", day: billDay(date)!, sha1, bill: EMPTY_BILL, findings, settled: 0 });
    const one = async ({ orderId }: BillFinding) => {
      const [found] = await reader.listDiscrepancies(
        { ...ANY, orderId },
        { after: null, limit: 9 },
      );
      return found!;
    };
    const command = <Input>(input: Input, name = "wang", key = unique("disc")): Command<Input> => ({
      input,
      idempotencyKey: key,
      caller: { name },
      validateOnly: false,
    });
    const refusedAs = (reason: string, state: string) => (error: unknown) =>
      error instanceof Refusal && error.reason === reason && error.facts["state"] === state;

    it("are assigned, resolved and reopened, and each step is kept with who and why", async () => {
      const found = finding();
      await check("2026-11-01", [found]);
      const open = await one(found);
      assert.deepEqual(
        [open.state, open.source, open.billDate],
        ["OPEN", "WECHAT_TRADE", "2026-11-01"],
      );
      assert.deepEqual([open.amountHereFen, open.amountThereFen, open.steps], [9_900n, 9_901n, []]);
      const { discrepancyId } = open;
      await books.serve(
        assignDiscrepancy,
        command({ discrepancyId, assignee: "li", note: "a coupon?" }),
      );
      await books.serve(resolveDiscrepancy, command({ discrepancyId, reason: "a coupon" }, "li"));
      await books.serve(
        reopenDiscrepancy,
        command({ discrepancyId, reason: "there are no coupons" }),
      );
      const { state, assignee, steps } = await one(found);
      assert.deepEqual([state, assignee], ["OPEN", null]);
      assert.deepEqual(
        steps.map((step) => [step.sequence, step.kind, step.assignee, step.note, step.actor]),
        [
          [1, "ASSIGNED", "li", "a coupon?", "wang"],
          [2, "RESOLVED", "li", "a coupon", "li"],
          [3, "REOPENED", null, "there are no coupons", "wang"],
        ],
      );
      const audit = await bank.sql(
        `select action, actor, state_before, state_after, reason from audit_events
          where subject = 'discrepancy/${discrepancyId}' order by event_id`,
      );
      assert.deepEqual(
        audit.map((row) => row["action"]),
        ["AssignDiscrepancy", "ResolveDiscrepancy", "ReopenDiscrepancy"],
      );
      assert.equal(audit[1]!["state_after"], '{"state":"RESOLVED","assignee":"li"}');
      assert.equal(audit[1]!["reason"], "a coupon");
      await assert.rejects(bank.sql("delete from discrepancy_steps"), /append-only/);
      await assert.rejects(bank.sql("update discrepancy_steps set note = ''"), /append-only/);
    });

    it("are refused what their state doesn't allow, and nothing is written then", async () => {
      const found = finding();
      await check("2026-11-02", [found]);
      const { discrepancyId } = await one(found);
      const reason = "looked at";
      const resolve = () => books.serve(resolveDiscrepancy, command({ discrepancyId, reason }));
      const assign = () =>
        books.serve(assignDiscrepancy, command({ discrepancyId, assignee: "li", note: "" }));
      const reopen = () => books.serve(reopenDiscrepancy, command({ discrepancyId, reason }));
      await assert.rejects(reopen(), refusedAs("DISCREPANCY_STATE_INVALID", "OPEN"));
      const preview = { ...command({ discrepancyId, reason }), validateOnly: true };
      assert.equal((await books.serve(resolveDiscrepancy, preview)).answer.state, "RESOLVED");
      assert.deepEqual((await one(found)).steps, []);
      await resolve();
      for (const again of [resolve, assign]) {
        await assert.rejects(again(), refusedAs("DISCREPANCY_STATE_INVALID", "RESOLVED"));
      }
      await check("2026-11-02", []);
      for (const late of [resolve, assign, reopen]) {
        await assert.rejects(late(), refusedAs("DISCREPANCY_STATE_INVALID", "CLEARED"));
      }
      assert.equal((await one(found)).steps.length, 1);
      const unknown = command({ discrepancyId: "fnd_none", reason });
      await assert.rejects(
        books.serve(resolveDiscrepancy, unknown),
        (error) => error instanceof Refusal && error.reason === "DISCREPANCY_NOT_FOUND",
      );
    });

    it("answer a key that is sent again, also at the same moment, and refuse it for another request", async () => {
      const found = finding();
      await check("2026-11-03", [found]);
      const { discrepancyId } = await one(found);
      const resolve = command({ discrepancyId, reason: "booked by hand" });
      const served = await Promise.all(
        Array.from({ length: 4 }, () => books.serve(resolveDiscrepancy, resolve)),
      );
      assert.equal(served.filter(({ replayed }) => !replayed).length, 1);
      for (const { answer } of served) assert.deepEqual(answer, served[0]!.answer);
      assert.equal(served[0]!.answer.amountThereFen, 9_901n);
      const other = { ...resolve, input: { discrepancyId, reason: "another" } };
      await assert.rejects(
        books.serve(resolveDiscrepancy, other),
        (error) => error instanceof Refusal && error.facts["field"] === "reason",
      );
      assert.equal((await one(found)).steps.length, 1);
    });

    it("stay resolved when the same check finds them again, and open anew when they had gone", async () => {
      const found = finding();
      await check("2026-11-04", [found]);
      const { discrepancyId } = await one(found);
      await books.serve(resolveDiscrepancy, command({ discrepancyId, reason: "paid by hand" }));
      const again = await check("2026-11-04", [found]);
      assert.deepEqual(again.newFindings, []);
      assert.equal((await one(found)).state, "RESOLVED");
      await check("2026-11-04", []);
      assert.equal((await one(found)).state, "CLEARED");
      const back = await check("2026-11-04", [found]);
      assert.equal(back.newFindings.length, 1);
      const { state, steps } = await one(found);
      assert.equal(state, "OPEN");
      assert.deepEqual(
        steps.map(({ kind, actor }) => `${kind} ${actor}`),
        ["RESOLVED wang", "REOPENED billing-guard"],
      );
    });

    it("are listed newest first, page by page, by any of their fields", async () => {
      const days = ["2026-10-01", "2026-10-02", "2026-10-03"];
      const all: BillFinding[] = [];
      for (const day of days) {
        const of = [
          finding({ kind: "MISSING_HERE", amountHereFen: null }),
          finding({ kind: "DOUBLED", refundId: unique("rfd_disc"), transactionId: null }),
        ];
        all.push(...of);
        await check(day, of);
      }
      const october = { ...ANY, startDate: days[0]!, endDate: days[2]! };
      const list = async (filter: DiscrepancyFilter) => {
        const seen: string[] = [];
        let after: { readonly discrepancyId: string } | null = null;
        for (;;) {
          const page = await reader.listDiscrepancies(filter, { after, limit: 2 });
          seen.push(...page.map(({ orderId }) => orderId));
          if (page.length < 2) return seen;
          after = page.at(-1)!;
        }
      };
      const orders = all.map(({ orderId }) => orderId);
      assert.deepEqual(await list(october), orders.toReversed());
      assert.deepEqual(await list({ ...october, startDate: days[1]!, endDate: days[1]! }), [
        orders[3],
        orders[2],
      ]);
      const doubled = [orders[5], orders[3], orders[1]];
      assert.deepEqual(await list({ ...october, kind: "DOUBLED" }), doubled);
      assert.deepEqual(await list({ ...october, orderId: orders[4]! }), [orders[4]]);
      assert.deepEqual(await list({ ...october, source: "WECHAT_FUND_FLOW" }), []);
      await check(days[0]!, all.slice(1, 2));
      const { discrepancyId } = await one(all[5]!);
      await books.serve(assignDiscrepancy, command({ discrepancyId, assignee: "li", note: "" }));
      const inState = (state: DiscrepancyFilter["state"]) => list({ ...october, state });
      assert.deepEqual(await inState("CLEARED"), [orders[0]]);
      assert.deepEqual(await inState("ASSIGNED"), [orders[5]]);
      assert.deepEqual(await inState("OPEN"), [orders[4], orders[3], orders[2], orders[1]]);
      assert.deepEqual(await inState("RESOLVED"), []);
    });
  });
}
