/** Reconcile over the wire: a bill compared when somebody wants it, and as often as they want. */
import assert from "node:assert/strict";
import { HOUR_MS } from "../../src/billing/clock.ts";
import { shanghaiDay } from "../../src/billing/calendar.ts";
import {
  Discrepancy_State as State,
  DiscrepancyKind as Kind,
  ReconciliationSource as Source,
} from "../../src/gen/billing/report/v1/reconciliation.ts";
import {
  ImportVendorBillRequest,
  ListDiscrepanciesRequest,
  ReconcileRequest,
  RecordCostsRequest,
  ReportServiceService as Reports,
  ResolveDiscrepancyRequest,
} from "../../src/gen/billing/report/v1/report_service.ts";
import { unique } from "../support/bank.ts";
import { openBillDesk, type BillDesk } from "../support/bill-desk.ts";
import { assertBadFields, assertRefused } from "../support/calls.ts";
import { flavours } from "../support/servers.ts";
import { startTestService } from "../support/service.ts";

const finance = { as: "finance" };

for (const flavour of flavours()) {
  describe(`reconciling over the wire on ${flavour}`, () => {
    let desk: BillDesk;
    before(async () => (desk = await openBillDesk(flavour)));
    after(() => desk.close());

    const sql = (text: string) => desk.till.service.bank.sql(text);
    const send = (date: string, change: Partial<ReconcileRequest> = {}) =>
      desk.till.service.call(
        Reports.reconcile,
        ReconcileRequest.fromPartial({
          idempotencyKey: unique("key"),
          date,
          source: Source.WECHAT_TRADE,
          ...change,
        }),
        finance,
      );
    const standing = async (date: string, source: Source) => {
      const request = ListDiscrepanciesRequest.fromPartial({
        firstDay: date,
        lastDay: date,
        source,
      });
      const { discrepancies } = await desk.till.service.call(
        Reports.listDiscrepancies,
        request,
        finance,
      );
      return discrepancies.filter(({ clearTime }) => clearTime === undefined);
    };

    for (const name of ["WECHAT_TRADE", "WECHAT_FUND_FLOW"] as const) {
      const source = Source[name];
      it(`${name} gives the same differences every time, and a key its first answer`, async () => {
        const date = await desk.morning();
        await desk.buy();
        await desk.forgePayment(`ord_${unique("forged")}`, desk.till.simulator.clock.now());
        await desk.billTime();
        const preview = (await send(date, { source, validateOnly: true })).reconciliation!;
        assert.deepEqual(
          [preview.billId, preview.discrepancyCount, preview.isNewBill],
          ["", 1, false],
        );
        const key = unique("key");
        const first = await send(date, { source, idempotencyKey: key });
        const done = first.reconciliation!;
        assert.deepEqual(
          [done.isNewBill, done.discrepancyCount, done.newDiscrepancyCount, done.sha1, done.date],
          [true, 1, 1, preview.sha1, date],
        );
        assert.equal(done.source, source);
        assert.equal(done.lineCount, source === Source.WECHAT_TRADE ? 1 : 2);
        const before = await standing(date, source);
        assert.equal(before.length, 1);
        assert.equal(before[0]!.source, source);
        const again = (await send(date, { source })).reconciliation!;
        assert.deepEqual(
          [again.billId, again.isNewBill, again.discrepancyCount, again.newDiscrepancyCount],
          [done.billId, false, 1, 0],
        );
        assert.deepEqual(await standing(date, source), before);
        const replay = await send(date, { source, idempotencyKey: key });
        assert.deepEqual(replay, { reconciliation: done, replayed: true });
        const other =
          source === Source.WECHAT_TRADE ? Source.WECHAT_FUND_FLOW : Source.WECHAT_TRADE;
        await assertRefused(
          send(date, { source: other, idempotencyKey: key }),
          "IDEMPOTENCY_KEY_REUSED",
          {
            method: "Reconcile",
            field: "source",
          },
        );
        const trail = await sql(
          `select actor from audit_events where action = 'Reconcile' and subject = 'bill/${done.billId}'`,
        );
        assert.deepEqual(
          trail.map(({ actor }) => actor),
          ["finance", "finance"],
        );
      });
    }

    it("a payment that only the bill knows is granted by it, but not by a preview", async () => {
      const date = await desk.morning();
      const { userId } = await desk.buy({ lost: true });
      await desk.billTime();
      const preview = (await send(date, { validateOnly: true })).reconciliation!;
      assert.deepEqual([preview.discrepancyCount, preview.settledPaymentCount], [1, 0]);
      assert.equal(await desk.till.balance(userId), 0n);
      const done = (await send(date)).reconciliation!;
      assert.deepEqual([done.discrepancyCount, done.settledPaymentCount], [0, 1]);
      assert.equal(await desk.till.balance(userId), 300n);
      desk.till.simulator.faults.callbacks.drop({ chance: 0 });
    });

    it("a bill that can't be had or believed is refused with why, and leaves nothing behind", async () => {
      const date = await desk.morning();
      await desk.buy();
      const { clock, bills } = desk.till.simulator;
      await desk.till.advance(16 * HOUR_MS);
      assert.ok(date < shanghaiDay(clock.now()));
      const refused = (why: string) => ({ date, source: "WECHAT_TRADE", why });
      await assertRefused(send(date), "BILL_UNAVAILABLE", refused("CREATING"));
      await desk.till.advance(9.5 * HOUR_MS);
      for (const fault of ["truncated", "wrong-hash", "summary-wrong"] as const) {
        bills.corrupt(fault, fault === "summary-wrong" ? 1 : 2);
        await assertRefused(send(date), "BILL_UNAVAILABLE", refused("UNTRUSTED"));
      }
      assert.deepEqual(await desk.imports(date), []);
      assert.equal((await send(date)).reconciliation!.discrepancyCount, 0);
    });

    it("days that can have no bill are refused by the field", async () => {
      const today = shanghaiDay(desk.till.simulator.clock.now());
      await assertBadFields(send(today), "date");
      await assertBadFields(send("2020-01-01"), "date");
      await assertBadFields(send("2026-02-30", { source: Source.UNSPECIFIED }), "date", "source");
    });

    it("what a vendor billed beyond what was metered is kept, worked on, and gone with a right bill", async () => {
      const { bank, call } = desk.till.service;
      const vendor = unique("vendor");
      const month = shanghaiDay(bank.context.timeOf(Date.now())).slice(0, 7);
      const costs = [
        { service: "gpu", amountMicroYuan: 1_000_000n },
        { service: "storage", amountMicroYuan: 250_001n },
        { service: "traffic", amountMicroYuan: 30_000n },
      ];
      const occurTime = new Date(bank.context.timeOf(Date.now()));
      await call(
        Reports.recordCosts,
        RecordCostsRequest.fromPartial({
          idempotencyKey: unique("key"),
          costs: costs.map((cost) => ({ vendor, occurTime, ...cost })),
        }),
        { as: "pipeline" },
      );
      const bring = (lines: string) =>
        call(
          Reports.importVendorBill,
          ImportVendorBillRequest.fromPartial({
            idempotencyKey: unique("key"),
            vendor,
            month,
            content: Buffer.from(`service,yuan\n${lines}`),
            columns: { service: "service", amount: "yuan" },
          }),
          finance,
        );
      const compare = async (change = {}) => {
        const of = { source: Source.VENDOR, vendor, ...change };
        return (await send(month, of)).reconciliation!;
      };
      const found = async () => {
        const request = ListDiscrepanciesRequest.fromPartial({ source: Source.VENDOR });
        const { discrepancies } = await call(Reports.listDiscrepancies, request, finance);
        return discrepancies.filter((each) => each.vendor === vendor);
      };
      await assertRefused(compare(), "VENDOR_BILL_NOT_FOUND", { vendor, month });
      await bring("gpu,1.5\nstorage,0.250001\ncdn,7\n");
      assert.equal((await compare({ validateOnly: true })).discrepancyCount, 3);
      assert.deepEqual(await found(), []);
      const done = await compare();
      assert.deepEqual(
        [done.lineCount, done.discrepancyCount, done.newDiscrepancyCount, done.date],
        [3, 3, 3, month],
      );
      const told = (await found()).map((each) => [
        each.service,
        each.kind,
        each.amountHereMicroYuan,
        each.amountThereMicroYuan,
        each.billDate,
        each.amountHereFen,
      ]);
      assert.deepEqual(
        told.toSorted(([one], [other]) => String(one).localeCompare(String(other))),
        [
          ["cdn", Kind.MISSING_HERE, undefined, 7_000_000n, month, undefined],
          ["gpu", Kind.AMOUNT_DIFFERS, 1_000_000n, 1_500_000n, month, undefined],
          ["traffic", Kind.MISSING_THERE, 30_000n, undefined, month, undefined],
        ],
      );
      const again = await compare();
      assert.deepEqual([again.billId, again.newDiscrepancyCount], [done.billId, 0]);
      assert.equal((await compare({ tolerancePerMille: 500 })).discrepancyCount, 2);
      await compare();
      const gpu = (await found()).find(({ service }) => service === "gpu")!;
      const { discrepancy } = await call(
        Reports.resolveDiscrepancy,
        ResolveDiscrepancyRequest.fromPartial({
          idempotencyKey: unique("key"),
          discrepancyId: gpu.discrepancyId,
          reason: "a task that crashed was billed twice, and is credited",
        }),
        finance,
      );
      assert.equal(discrepancy!.state, State.RESOLVED);
      await bring("gpu,1\nstorage,0.250001\ntraffic,0.03\n");
      assert.equal((await compare()).discrepancyCount, 0);
      assert.deepEqual(
        (await found()).map(({ state }) => state),
        [State.CLEARED, State.CLEARED, State.CLEARED],
      );
      await assertBadFields(send(month, { source: Source.VENDOR }), "vendor");
      await assertBadFields(
        send(shanghaiDay(bank.context.timeOf(Date.now())), {
          source: Source.WECHAT_TRADE,
          vendor,
          tolerancePerMille: 1,
        }),
        "date",
        "tolerance_per_mille",
        "vendor",
      );
    });

    it("a server without a merchant has no bill to compare", async () => {
      const service = await startTestService(flavour);
      try {
        const request = ReconcileRequest.fromPartial({
          idempotencyKey: unique("key"),
          date: shanghaiDay(Date.now() - 24 * HOUR_MS),
          source: Source.WECHAT_TRADE,
        });
        await assertRefused(
          service.call(Reports.reconcile, request, finance),
          "PAYMENT_NOT_CONFIGURED",
          {},
        );
      } finally {
        await service.close();
      }
    });
  });
}
