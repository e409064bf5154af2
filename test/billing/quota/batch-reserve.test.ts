import assert from "node:assert/strict";
import type { TaskId } from "../../../src/billing/id.ts";
import { batchReserveQuota } from "../../../src/billing/quota/reserve-quota.ts";
import { ANN, batchInput, grant, left, reserveAll, worldWithAnn } from "../support/actions.ts";
import { assertBooks } from "../support/books.ts";

const TASK = "task" as TaskId;

describe("BatchReserveQuota", () => {
  it("holds one reservation a line, in the order of the lines, and one balance after them", () => {
    const world = worldWithAnn(10n);
    const input = batchInput(["video", "cut-out*3", "free"], TASK);
    const { reservations, balance } = world.accept(batchReserveQuota, input);
    const lines = reservations.map(({ featureId, quantity, amount, state, taskId }) =>
      [featureId, quantity, amount, state, taskId].join(" "),
    );
    assert.deepEqual(lines, ["video 1 5 HELD task", "cut-out 3 3 HELD task", "free 1 0 HELD task"]);
    assert.deepEqual([balance.available, balance.held], [2n, 8n]);
    assertBooks(world);
  });

  it("draws the lines one after the other from the same lots", () => {
    const world = worldWithAnn(1n);
    const first = grant(world, 7n, { priority: 1 });
    const second = grant(world, 7n, { priority: 2 });
    const [one, two] = reserveAll(world, ["video", "video"]);
    assert.deepEqual(one!.allocations, [{ grantId: first.grantId, amount: 5n }]);
    assert.deepEqual(two!.allocations, [
      { grantId: first.grantId, amount: 2n },
      { grantId: second.grantId, amount: 3n },
    ]);
    assert.deepEqual([left(world, first), left(world, second)], [0n, 4n]);
    assertBooks(world);
  });

  it("holds nothing when the lines together are more than the balance", () => {
    const world = worldWithAnn(9n);
    const refusal = world.refuse(batchReserveQuota, batchInput(["video", "video"]));
    assert.equal(refusal.reason, "QUOTA_INSUFFICIENT");
    assert.deepEqual(refusal.facts, { userId: ANN, available: "4", required: "5" });
    assert.equal(world.reservations.size, 0);
    assert.equal(world.users.get(ANN)!.available, 9n);
    assertBooks(world);
  });

  it("takes the last unit of the balance", () => {
    const world = worldWithAnn(10n);
    reserveAll(world, ["video", "cut-out*5"]);
    assert.deepEqual([world.users.get(ANN)!.available, world.users.get(ANN)!.held], [0n, 10n]);
    assertBooks(world);
  });

  it("keeps with each line what the rules saw at its turn", () => {
    const world = worldWithAnn(10n);
    const [one, two] = reserveAll(world, ["limited*2", "limited"]);
    assert.deepEqual([one!.decision.available, two!.decision.available], [10n, 8n]);
    const nothing = { lastHour: 0, lastDay: 0, inFlight: 0, lastStartMs: null };
    assert.deepEqual(one!.decision.usage, nothing);
    const twice = { lastHour: 2, lastDay: 2, inFlight: 1, lastStartMs: world.nowMs };
    assert.deepEqual(two!.decision.usage, twice);
  });
});
