/** Turns what the check of the ledgers tells into metrics and log lines. */
import type { Meter } from "@opentelemetry/api";
import type { LedgerObserver } from "../job/ledger-checker.ts";
import type { Log } from "./observer.ts";

/** Findings of one round that are told one by one in the log; the others are in the table. */
const FINDINGS_LOGGED = 50;
const MS_PER_SECOND = 1_000;

export function observeLedgers(meter: Meter, log: Log): LedgerObserver {
  const rounds = meter.createCounter("billing.ledger.rounds", {
    description:
      "Checks of the ledgers that this server has begun, by outcome: OK, BROKEN or FAILED",
  });
  const breaks = meter.createGauge("billing.ledger.breaks", {
    description:
      "Rows that break a rule of the ledgers, as the latest check of any server counts them",
  });
  const checkedTime = meter.createGauge("billing.ledger.checked.time.seconds", {
    description: "When the latest check of any server was over, in seconds since 1970",
  });
  const duration = meter.createGauge("billing.ledger.check.seconds", {
    description: "How long this server's latest check took",
  });
  return {
    broken(checkId, { rule, ...row }) {
      breaks.record(1);
      log.error({ checkId, code: rule, ...row }, "the ledgers differ: the first row of this check");
    },
    checked(checkId, outcome, tookMs) {
      rounds.add(1, { outcome: outcome.breaks === 0 ? "OK" : "BROKEN" });
      duration.record(tookMs / MS_PER_SECOND);
      const facts = {
        checkId,
        rows: outcome.rows,
        breaks: outcome.breaks,
        tookMs: Math.round(tookMs),
      };
      if (outcome.breaks === 0)
        return log.info(facts, "the ledgers were checked, and nothing differs");
      for (const { rule, ...row } of outcome.findings.slice(0, FINDINGS_LOGGED)) {
        log.error({ checkId, code: rule, ...row }, "the ledgers differ");
      }
      log.error(facts, "the ledgers were checked, and rows differ");
    },
    known(last) {
      breaks.record(last.breaks);
      checkedTime.record(last.endTimeMs / MS_PER_SECOND);
    },
    failed(fault) {
      rounds.add(1, { outcome: "FAILED" });
      log.error({ err: fault }, "the ledgers could not be checked; it's tried again");
    },
  };
}
