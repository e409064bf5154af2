/** What operators see of bills: metrics under the names that docs/bills.md has, and lines of the log. */
import assert from "node:assert/strict";
import { billDay, EMPTY_BILL, type BillFinding } from "../../src/billing/order/bill.ts";
import type { CheckedDay } from "../../src/job/bill-checker.ts";
import { openTelemetry, type Telemetry } from "../../src/telemetry/telemetry.ts";
import { readDocument } from "../support/documents.ts";

const FINDING: BillFinding = {
  kind: "AMOUNT_DIFFERS",
  orderId: "ord_1",
  transactionId: "4200001234202611220000000001",
  refundId: null,
  amountHereFen: 9_900n,
  amountThereFen: 9_901n,
  line: 2,
  note: "",
};

const CHECKED: CheckedDay = {
  kind: "checked",
  type: "TRADE",
  day: billDay("2026-11-22")!,
  sha1: "a".repeat(40),
  bill: EMPTY_BILL,
  findings: [FINDING],
  newFindings: [FINDING],
  settled: 2,
  billId: "bil_1",
  isNew: true,
  doubts: [],
  lacksStatement: false,
};

describe("the bills' metrics and log", () => {
  let telemetry: Telemetry;
  const lines: string[] = [];
  before(async () => {
    telemetry = await openTelemetry({
      instance: "test",
      version: "0",
      log: { level: "info", destination: { write: (line: string) => void lines.push(line) } },
      metrics: { host: "127.0.0.1", port: 0 },
    });
  });
  after(() => telemetry.close());

  it("have the names that the document tells, and count by kind and outcome", async () => {
    const { bills } = telemetry;
    bills.billChecked(CHECKED);
    bills.billLate("2026-11-22", 1);
    bills.billFailed("2026-11-22", new Error("no"));
    bills.billChecked({ ...CHECKED, findings: [], newFindings: [], settled: 0, lacksStatement: true });
    bills.billsChecked({ TRADE: 3, FUND_FLOW: 1 });
    const text = await (await fetch(telemetry.metricsUrl)).text();
    const valueOf = (series: RegExp) => {
      const line = text.split("\n").find((each) => series.test(each));
      return Number(line?.split(" ").at(-1));
    };
    for (const outcome of ["CHECKED", "CREATING", "FAILED", "NO_STATEMENT"]) {
      assert.equal(valueOf(new RegExp(`^billing_bill_checks_total\\{.*outcome="${outcome}"`)), 1, outcome);
    }
    assert.equal(valueOf(/^billing_bill_findings_total\{.*kind="AMOUNT_DIFFERS"/), 1);
    assert.equal(valueOf(/^billing_bill_settled_total/), 2);
    assert.equal(valueOf(/^billing_bill_waiting_days\{.*type="TRADE"/), 3);
    const told = readDocument("docs/bills.md").names.filter((name) => name.startsWith("billing_bill_"));
    assert.ok(told.length >= 4, told.join());
    for (const name of told) assert.match(text, new RegExp(`^${name}[{ ]`, "m"));
  });

  it("tell each difference with both amounts, and no payment's number", () => {
    const line = lines.find((each) => each.includes("the bill and the books differ"));
    const { level, orderId, amountHereFen, amountThereFen } = JSON.parse(line ?? "{}") as Record<string, unknown>;
    assert.deepEqual([level, orderId], ["error", "ord_1"]);
    assert.deepEqual([amountHereFen, amountThereFen].map(String), ["9900", "9901"]);
    assert.ok(lines.every((each) => !each.includes(FINDING.transactionId!)));
  });

  it("cry out once a bill is late by hours", () => {
    telemetry.bills.billLate("2026-11-22", 8);
    assert.match(lines.at(-1)!, /late by hours/);
    assert.equal((JSON.parse(lines.at(-1)!) as { level: unknown }).level, "error");
  });
});
