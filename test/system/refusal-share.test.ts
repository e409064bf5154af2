import assert from "node:assert/strict";
import { MINUTE_MS } from "../../src/billing/clock.ts";
import { Refusal } from "../../src/billing/refusal.ts";
import { createRefusalShare } from "../../src/telemetry/refusal-share.ts";

describe("the share of reservations that are refused", () => {
  it("counts reservations of the last minutes only, and faults of ours not at all", () => {
    let now = 0;
    const share = createRefusalShare(() => now);
    const refusal = new Refusal("QUOTA_INSUFFICIENT", "none left", {});
    share.answered("ReserveQuota");
    share.answered("BatchReserveQuota", refusal);
    share.answered("ReserveQuota", new Error("a bug"));
    share.answered("CommitQuota", refusal);
    assert.deepEqual(share.read(), { part: 1n, whole: 2n });
    now = 4 * MINUTE_MS;
    share.answered("ReserveQuota", refusal);
    assert.deepEqual(share.read(), { part: 2n, whole: 3n });
    now = 6 * MINUTE_MS;
    assert.deepEqual(share.read(), { part: 1n, whole: 1n });
    now = 60 * MINUTE_MS;
    assert.deepEqual(share.read(), { part: 0n, whole: 0n });
  });
});
