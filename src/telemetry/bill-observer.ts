/** Turns what the bill checker tells into metrics and log lines, without a payer or a payment's number. */
import type { Meter } from "@opentelemetry/api";
import { FINDING_KINDS } from "../billing/order/bill.ts";
import type { BillObserver } from "../job/bill-checker.ts";
import type { Log } from "./observer.ts";

/** Bills are made by ten in the morning: after two hours of asking somebody had better look. */
const LATE_ATTEMPTS = 8;
/** Findings that are told one by one in the log; the others are in the table. */
const FINDINGS_LOGGED = 20;

export function observeBills(meter: Meter, log: Log): BillObserver {
  const checks = meter.createCounter("billing.bill.checks", {
    description: "Days' bills that were tried, by outcome",
  });
  const found = meter.createCounter("billing.bill.findings", {
    description: "Differences between bills and books that were new, by kind",
  });
  const settled = meter.createCounter("billing.bill.settled", {
    description: "Payments that only became known by the bill",
  });
  const waiting = meter.createGauge("billing.bill.waiting.days", {
    description: "Days whose bill isn't checked, by the bill's type",
  });
  return {
    billChecked(checked) {
      const { day, type, billId, bill, findings, newFindings, isNew, lacksStatement } = checked;
      checks.add(1, { outcome: lacksStatement ? "NO_STATEMENT" : "CHECKED" });
      settled.add(checked.settled);
      for (const kind of FINDING_KINDS) {
        const count = newFindings.filter((finding) => finding.kind === kind).length;
        if (count > 0) found.add(count, { kind });
      }
      for (const finding of newFindings.slice(0, FINDINGS_LOGGED)) {
        const { kind, orderId, refundId, amountHereFen, amountThereFen, note } = finding;
        const what = { billId, type, date: day.date, kind, orderId, refundId, note };
        log.error({ ...what, amountHereFen, amountThereFen }, "the bill and the books differ");
      }
      const lines = bill.rows.length;
      const facts = { billId, type, date: day.date, isNew, lines, settled: checked.settled };
      if (lacksStatement) log.error(facts, "WeChat Pay has no bill of a day with payments");
      else log.info({ ...facts, findings: findings.length }, "a day's bill was checked");
    },
    billLate(date, attempt) {
      checks.add(1, { outcome: "CREATING" });
      const facts = { date, attempt };
      if (attempt < LATE_ATTEMPTS) log.info(facts, "a day's bill isn't made yet; it's asked for again");
      else log.error(facts, "a day's bill is late by hours; it's asked for again");
    },
    billFailed(date, fault) {
      checks.add(1, { outcome: "FAILED" });
      log.error({ err: fault, date }, "a day's bill could not be checked; it's tried again");
    },
    billsChecked(days) {
      for (const [type, count] of Object.entries(days)) waiting.record(count, { type });
    },
  };
}
