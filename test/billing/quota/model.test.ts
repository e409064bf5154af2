import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Scenario } from "../support/scenario.ts";
import { SCENARIO } from "../support/scenario-steps.ts";

const RUNS = 1_000;

/** What happens often in so many runs: scenarios that never reach one of these have grown blind. */
const REACHED = [
  "register: done",
  "grant: done",
  "grant: GRANT_SOURCE_USED",
  "grant: GRANT_SOURCE_UNLAWFUL",
  "reserve: done",
  "reserve: replayed",
  "reserve: IDEMPOTENCY_KEY_REUSED",
  "reserve: USER_SUSPENDED",
  "reserve: MEMBERSHIP_REQUIRED",
  "reserve: FEATURE_ACCESS_DENIED",
  "reserve: IN_FLIGHT_LIMITED",
  "reserve: COOLDOWN_ACTIVE",
  "reserve: RATE_LIMITED",
  "reserve: QUOTA_INSUFFICIENT",
  "batch: done",
  "batch: QUOTA_INSUFFICIENT",
  "commit HELD: done",
  "commit HELD: COMMIT_EXCEEDS_RESERVATION",
  "commit EXPIRED: done",
  "commit REFUNDED: ALREADY_REFUNDED",
  "commit COMMITTED: RESERVATION_NOT_HELD",
  "refund HELD: done",
  "refund COMMITTED: done",
  "refund COMMITTED: REFUND_NOT_ELIGIBLE",
  "refund EXPIRED: done",
  "refund REFUNDED: done",
  "refundTask: done",
  "extend HELD: done",
  "extend HELD: HOLD_LIMIT_REACHED",
  "expire HELD: done",
  "expire: with a grace",
];

describe("quota against a second, naive telling of its rules", () => {
  it("gives the same answers, lots, holds, balances and books in every scenario", () => {
    const seen = new Map<string, number>();
    const same = fc.property(SCENARIO, (steps) => new Scenario({}, seen).run(steps));
    // A failure prints the seed, the path and the shortest scenario that fails.
    fc.assert(same, { numRuns: RUNS });
    assert.deepEqual(REACHED.filter((outcome) => !seen.has(outcome)), []);
  });
});
