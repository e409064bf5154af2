/** Turns what the sweeper of memberships tells into metrics and log lines. */
import type { Meter } from "@opentelemetry/api";
import type { MembershipSweepObserver } from "../job/membership-sweeper.ts";
import type { Log } from "./observer.ts";

export function observeMemberships(meter: Meter, log: Log): MembershipSweepObserver {
  const rounds = meter.createCounter("billing.membership.rounds", {
    description: "Rounds of the sweeper of memberships, by outcome: OK or FAILED",
  });
  const lapses = meter.createCounter("billing.membership.lapsed", {
    description: "Ends of memberships that the sweeper has recorded",
  });
  const notices = meter.createCounter("billing.membership.told", {
    description: "Ends of memberships that were told of before they came",
  });
  return {
    swept({ lapsed, told }) {
      rounds.add(1, { outcome: "OK" });
      lapses.add(lapsed);
      notices.add(told);
      if (lapsed + told > 0) log.info({ lapsed, told }, "ends of memberships were recorded or told");
    },
    failed(fault) {
      rounds.add(1, { outcome: "FAILED" });
      log.error({ err: fault }, "a round of the memberships' sweeper failed; the next one tries again");
    },
  };
}
