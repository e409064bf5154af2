import assert from "node:assert/strict";
import { CostComparison_State as State } from "../../src/gen/billing/report/v1/cost.ts";
import {
  BillColumns_AmountUnit as AmountUnit,
  CompareVendorCostsRequest,
  ImportVendorBillRequest,
  ListCostsRequest,
  ListUnitPricesRequest,
  RecordCostsRequest,
  ReportServiceService as Reports,
  SetUnitPriceRequest,
} from "../../src/gen/billing/report/v1/report_service.ts";
import { unique } from "../support/bank.ts";
import { assertBadFields, assertRefused } from "../support/calls.ts";
import { flavours } from "../support/servers.ts";
import { startTestService, type TestService } from "../support/service.ts";

const finance = { as: "finance" };

for (const flavour of flavours()) {
  describe(`costs over the wire on ${flavour}`, () => {
    let service: TestService;
    before(async () => {
      service = await startTestService(flavour);
    });
    after(() => service.close());

    const record = (
      costs: Parameters<typeof RecordCostsRequest.fromPartial>[0]["costs"],
      change = {},
    ) =>
      service.call(
        Reports.recordCosts,
        RecordCostsRequest.fromPartial({ idempotencyKey: unique("key"), costs: costs!, ...change }),
        { as: "pipeline" },
      );
    const costOf = (vendor: string, change = {}) => ({
      vendor,
      service: "图像生成",
      amountMicroYuan: 1_234_567n,
      occurTime: new Date(),
      ...change,
    });
    const listed = async (filter: Partial<ListCostsRequest>) =>
      (await service.call(Reports.listCosts, ListCostsRequest.fromPartial(filter), finance)).costs;

    it("a task's cost bears its user and feature, and is listed by each of them", async () => {
      const userId = await service.bank.member(10);
      const { reservationId, taskId, featureId } = await service.bank.reserve(userId);
      const vendor = unique("vendor");
      const answer = await record([costOf(vendor, { reservationId }), costOf(vendor, { taskId })]);
      assert.deepEqual(
        [answer.recordedCount, answer.knownCount, answer.amountMicroYuan, answer.replayed],
        [2, 0, 2_469_134n, false],
      );
      for (const filter of [{ vendor }, { userId }, { taskId }]) {
        const costs = await listed(filter);
        assert.equal(costs.length, 2);
        for (const cost of costs) {
          assert.deepEqual([cost.userId, cost.featureId, cost.taskId], [userId, featureId, taskId]);
        }
      }
    });

    it("one key sent 20 times at once records once, and with other costs it is refused", async () => {
      const vendor = unique("vendor");
      const idempotencyKey = unique("key");
      const costs = [costOf(vendor)];
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => record(costs, { idempotencyKey })),
      );
      assert.equal(new Set(answers.map(({ batchId }) => batchId)).size, 1);
      assert.equal(answers.filter(({ replayed }) => !replayed).length, 1);
      assert.equal((await listed({ vendor })).length, 1);
      const other = record([costOf(vendor, { amountMicroYuan: 1n })], { idempotencyKey });
      await assertRefused(other, "IDEMPOTENCY_KEY_REUSED", {
        method: "RecordCosts",
        field: "costs",
      });
    });

    it("the same external id told at once by two callers is recorded once", async () => {
      const vendor = unique("vendor");
      const costs = [costOf(vendor, { externalId: "x-1" })];
      const answers = await Promise.all(Array.from({ length: 8 }, () => record(costs)));
      assert.equal(
        answers.reduce((total, { recordedCount }) => total + recordedCount, 0),
        1,
      );
      assert.equal((await listed({ vendor })).length, 1);
      const other = record([costOf(vendor, { externalId: "x-1", amountMicroYuan: 2n })]);
      await assertRefused(other, "COST_CONFLICT", { vendor, externalId: "x-1" });
    });

    it("all of the costs are recorded, or none", async () => {
      const vendor = unique("vendor");
      const costs = [costOf(vendor), costOf(vendor, { reservationId: "rsv_nowhere" })];
      await assertRefused(record(costs), "RESERVATION_NOT_FOUND", { reservationId: "rsv_nowhere" });
      assert.deepEqual(await listed({ vendor }), []);
      const preview = await record([costOf(vendor)], { validateOnly: true });
      assert.equal(preview.recordedCount, 1);
      assert.deepEqual(await listed({ vendor }), []);
    });

    it("every bad field of every cost is named", async () => {
      const bad = {
        vendor: "",
        service: " x",
        quantity: -1n,
        unit: "u".repeat(25),
        externalId: "a b",
      };
      await assertBadFields(
        record([costOf("v"), { ...bad, amountMicroYuan: 10n ** 12n + 1n }]),
        "costs[1].vendor",
        "costs[1].service",
        "costs[1].quantity",
        "costs[1].unit",
        "costs[1].amount_micro_yuan",
        "costs[1].occur_time",
        "costs[1].external_id",
      );
      await assertBadFields(
        record([costOf("v", { amountMicroYuan: undefined })]),
        "costs[0].quantity",
      );
      const many = Array.from({ length: 1_001 }, () => costOf("v"));
      await assertBadFields(record(many), "costs");
    });

    it("units are priced by the history of their price", async () => {
      const vendor = unique("vendor");
      const now = Date.now();
      const set = (priceMicroYuan: bigint, effectiveTime: Date) =>
        service.call(
          Reports.setUnitPrice,
          SetUnitPriceRequest.fromPartial({
            idempotencyKey: unique("key"),
            vendor,
            service: "gpu",
            unit: "second",
            priceMicroYuan,
            perQuantity: 1_000n,
            effectiveTime,
          }),
          finance,
        );
      const units = (occurTime: Date) =>
        record([{ vendor, service: "gpu", quantity: 1_500n, occurTime }]);
      await assertRefused(units(new Date(now)), "COST_UNPRICED", { vendor, service: "gpu" });
      await set(1_000n, new Date(now - 7_200_000));
      await set(2_001n, new Date(now - 3_600_000));
      await assertRefused(set(9n, new Date(now - 3_600_000)), "UNIT_PRICE_NOT_LATER", {
        vendor,
        service: "gpu",
      });
      assert.equal((await units(new Date(now - 5_000_000))).amountMicroYuan, 1_500n);
      assert.equal((await units(new Date(now))).amountMicroYuan, 3_002n);
      const request = ListUnitPricesRequest.fromPartial({ vendor, pageSize: 1 });
      const first = await service.call(Reports.listUnitPrices, request, finance);
      const rest = { ...request, pageToken: first.nextPageToken };
      const second = await service.call(Reports.listUnitPrices, rest, finance);
      const versions = [...first.unitPrices, ...second.unitPrices].map(({ version }) => version);
      assert.deepEqual([versions, second.nextPageToken], [[2, 1], ""]);
    });

    const bill = (vendor: string, text: string, change: Partial<ImportVendorBillRequest> = {}) =>
      service.call(
        Reports.importVendorBill,
        ImportVendorBillRequest.fromPartial({
          idempotencyKey: unique("key"),
          vendor,
          month: new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 7),
          content: Buffer.from(text),
          columns: { service: "产品", amount: "金额(元)", amountUnit: AmountUnit.YUAN },
          ...change,
        }),
        finance,
      );

    it("a vendor's bill is compared with what was metered, service by service", async () => {
      const vendor = unique("vendor");
      await record([
        costOf(vendor, { service: "a", amountMicroYuan: 1_000_000n }),
        costOf(vendor, { service: "b", amountMicroYuan: 2_500_000n }),
        costOf(vendor, { service: "c", amountMicroYuan: 1n }),
      ]);
      const text =
        '\ufeff产品,备注,金额(元)\r\na,"x, ""y""",0.4\r\na,,0.60\r\nb,,"2.5000010"\r\nd,,"1,234.5"\r\n';
      const { bill: imported, replayed } = await bill(vendor, text);
      assert.deepEqual(
        [imported?.lineCount, imported?.amountMicroYuan, replayed],
        [4, 1_238_000_001n, false],
      );
      const again = await bill(vendor, text);
      assert.deepEqual([again.bill?.billId, again.replayed], [imported?.billId, true]);
      const compared = await service.call(
        Reports.compareVendorCosts,
        CompareVendorCostsRequest.fromPartial({ vendor, month: imported!.month }),
        finance,
      );
      assert.deepEqual(
        compared.comparisons.map(({ service: name, state, differenceMicroYuan }) => [
          name,
          state,
          differenceMicroYuan,
        ]),
        [
          ["a", State.MATCHED, 0n],
          ["b", State.AMOUNT_DIFFERS, 1n],
          ["c", State.MISSING_THERE, -1n],
          ["d", State.MISSING_HERE, 1_234_500_000n],
        ],
      );
      assert.equal(compared.meteredMicroYuan, 3_500_001n);
    });

    it("a bill that can't be read is refused by line and column, and keeps nothing", async () => {
      const vendor = unique("vendor");
      const told = await assertRefused(
        bill(vendor, "产品,金额(元)\na,1.0000001\n,x\n"),
        "INVALID_FIELD",
      );
      assert.deepEqual(told.fields, ["content", "content", "content"]);
      assert.match(told.rules.join("|"), /line 2, 金额.*line 3, 产品.*line 3, 金额/);
      await assertBadFields(bill(vendor, '产品,金额(元)\n"a,1\n'), "content");
      await assertBadFields(bill(vendor, "产品,产品\na,1\n"), "columns.service", "columns.amount");
      await assertBadFields(bill(vendor, "产品,金额(元)\n"), "content");
      const latin = Buffer.from("产品,金额(元)\na\u00ff,1\n", "latin1");
      await assertBadFields(bill(vendor, "", { content: latin }), "content");
      const month = "2026-11";
      const request = CompareVendorCostsRequest.fromPartial({ vendor, month });
      const compare = service.call(Reports.compareVendorCosts, request, finance);
      await assertRefused(compare, "VENDOR_BILL_NOT_FOUND", { vendor, month });
    });
  });
}
