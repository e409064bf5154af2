import assert from "node:assert/strict";
import type { TaskId } from "../../../src/billing/id.ts";
import { commitQuota } from "../../../src/billing/quota/commit-quota.ts";
import { refundQuota } from "../../../src/billing/quota/refund-quota.ts";
import type { RefundReason, Reservation } from "../../../src/billing/quota/reservation.ts";
import { reserveQuota } from "../../../src/billing/quota/reserve-quota.ts";
import { suspendUser } from "../../../src/billing/membership/suspend-user.ts";
import {
  ANN,
  BOB,
  CUT_OUT,
  FREE,
  commit,
  letExpire,
  refund,
  refundInput,
  register,
  reserve,
  reserveAll,
  reserveInput,
  worldWithAnn,
} from "../support/actions.ts";
import { assertBooks } from "../support/books.ts";
import { accepted, type World } from "../support/world.ts";

const TASK = "task" as TaskId;
const REASONS = {
  STEP_FAILED: true,
  TIMEOUT: true,
  UPSTREAM_ERROR: true,
  SYSTEM_ERROR: true,
  CANCELLED_BEFORE_START: true,
} satisfies Record<RefundReason, true>;

describe("RefundQuota", () => {
  for (const reason of Object.keys(REASONS) as RefundReason[]) {
    it(`gives back for ${reason}, and records why`, () => {
      const world = worldWithAnn(10n);
      const { reservationId } = reserve(world, CUT_OUT, { quantity: 3 });
      world.nowMs += 1_000;
      const input = { target: { reservationId }, reason, failedStep: "render", detail: "GPU lost" };
      const { reservations, balance, alreadyRefunded } = world.accept(refundQuota, input);
      const [reservation] = reservations;
      assert.deepEqual([balance.available, balance.held, alreadyRefunded], [10n, 0n, false]);
      assert.equal(reservation!.refundReason, reason);
      assert.equal(reservation!.failedStep, "render");
      assert.equal(reservation!.refundDetail, "GPU lost");
      assert.equal(reservation!.refundTimeMs, world.nowMs);
      assert.equal(world.logs.at(-1)!.description, `${reason} at render`);
      assertBooks(world);
    });
  }

  it("refuses an opinion of the result, whatever the state, and changes nothing", () => {
    const world = worldWithAnn();
    const { reservationId } = reserve(world);
    const input = refundInput({ reservationId }, "SUBJECTIVE");
    assert.equal(world.refuse(refundQuota, input).reason, "SUBJECTIVE_REFUND_FORBIDDEN");
    commit(world, { reservationId });
    assert.equal(world.refuse(refundQuota, input).reason, "SUBJECTIVE_REFUND_FORBIDDEN");
    const ofTask = refundInput({ taskId: "none" as TaskId, userId: ANN }, "SUBJECTIVE");
    assert.equal(world.refuse(refundQuota, ofTask).reason, "SUBJECTIVE_REFUND_FORBIDDEN");
  });

  it("gives the same outcome to every further refund, whatever its key, reason and time", () => {
    const world = worldWithAnn(10n);
    const spent = commit(world, reserve(world, CUT_OUT, { quantity: 3 }));
    const first = refund(world, spent, "TIMEOUT");
    const { available } = world.users.get(ANN)!;
    for (const wait of [0, 1, world.refundWindowMs, 10 * world.refundWindowMs]) {
      world.nowMs += wait;
      const again = world.accept(refundQuota, refundInput({ ...spent }, "SYSTEM_ERROR"));
      assert.deepEqual(again.reservations, [first]);
      assert.equal(again.alreadyRefunded, true);
      const { type, available: moved } = world.logs.at(-1)!;
      assert.deepEqual([type, moved], ["REFUND", 0n], "its key stands in the log; nothing moves");
    }
    assert.equal(available, 10n);
    assertBooks(world);
  });

  it("works after a commit until the last millisecond of the window, and not at its end", () => {
    for (const [early, reason] of [[1, undefined], [0, "REFUND_NOT_ELIGIBLE"]] as const) {
      const world = worldWithAnn();
      const { reservationId } = reserve(world);
      world.nowMs += 123;
      commit(world, { reservationId });
      world.nowMs += world.refundWindowMs - early;
      const input = refundInput({ reservationId });
      if (reason === undefined) {
        assert.equal(world.accept(refundQuota, input).reservations[0]!.state, "REFUNDED");
      } else {
        const refusal = world.refuse(refundQuota, input);
        assert.equal(refusal.reason, reason);
        assert.deepEqual(refusal.facts, { reservationId });
      }
    }
  });

  it("counts the window from the commit, however late after the hold that was", () => {
    const world = worldWithAnn();
    const hold = letExpire(world, reserve(world));
    world.nowMs += world.refundWindowMs;
    commit(world, hold);
    world.nowMs += world.refundWindowMs - 1;
    assert.equal(refund(world, hold).state, "REFUNDED");
    assertBooks(world);
  });

  it("has no window before a commit: a hold that expired long ago can be called failed", () => {
    const world = worldWithAnn();
    const hold = letExpire(world, reserve(world));
    world.nowMs += 100 * world.refundWindowMs;
    const { state, refundedAmount } = refund(world, hold);
    assert.deepEqual([state, refundedAmount], ["REFUNDED", 1n]);
    const row = world.logs.at(-1)!;
    assert.deepEqual([row.type, row.grantId, row.available, row.held], ["REFUND", null, 0n, 0n]);
    const late = world.refuse(commitQuota, { ...hold, actualAmount: null });
    assert.equal(late.reason, "ALREADY_REFUNDED");
    assertBooks(world);
  });

  it("gives back to a suspended user, whose task failed all the same", () => {
    const world = worldWithAnn(10n);
    const hold = reserve(world);
    world.accept(suspendUser, { userId: ANN, reason: "fraud" });
    refund(world, hold);
    assert.equal(world.users.get(ANN)!.available, 10n);
  });

  it("records the refund of what cost nothing", () => {
    const world = worldWithAnn();
    assert.equal(refund(world, commit(world, reserve(world, FREE))).state, "REFUNDED");
    const types = world.logs.map(({ type }) => type);
    assert.deepEqual(types, ["GRANT", "RESERVE", "COMMIT", "REFUND"]);
    assertBooks(world);
  });
});

describe("RefundQuota of a task", () => {
  const target = { taskId: TASK, userId: ANN };

  it("gives back every hold of the task and of that user, and no other", () => {
    const world = worldWithAnn(20n);
    register(world, BOB);
    const mine = reserveAll(world, ["cut-out", "video", "free"], TASK);
    const other = reserve(world);
    const bobs = reserve(world, CUT_OUT, { userId: BOB, taskId: TASK });
    const { reservations } = world.accept(refundQuota, refundInput(target));
    assert.deepEqual(reservations.map(idOf), mine.map(idOf), "all of them, oldest first");
    assert.ok(reservations.every(({ state }) => state === "REFUNDED"));
    assert.equal(stateOf(world, other), "HELD");
    assert.equal(stateOf(world, bobs), "HELD");
    assertBooks(world);
  });

  it("settles reservations in mixed states, and leaves those whose window is over", () => {
    const { world, over, refunded, committed, expired, held } = mixedTask();
    const before = world.reservations.get(refunded.reservationId)!;
    const { reservations, alreadyRefunded } = world.accept(refundQuota, refundInput(target));
    assert.equal(alreadyRefunded, false);
    const states = Object.fromEntries(reservations.map((each) => [each.reservationId, each.state]));
    assert.deepEqual(states, {
      [over.reservationId]: "COMMITTED",
      [refunded.reservationId]: "REFUNDED",
      [committed.reservationId]: "REFUNDED",
      [expired.reservationId]: "REFUNDED",
      [held.reservationId]: "REFUNDED",
    });
    assert.deepEqual(world.reservations.get(refunded.reservationId), before);
    assertBooks(world);
  });

  it("has the same outcome every further time, though one of them stays committed", () => {
    const { world } = mixedTask();
    const first = world.accept(refundQuota, refundInput(target));
    const again = world.accept(refundQuota, refundInput(target, "TIMEOUT"));
    assert.deepEqual(again.reservations, first.reservations);
    assert.equal(again.alreadyRefunded, true);
    assertBooks(world);
  });

  it("is refused when none of them can come back any more", () => {
    const world = worldWithAnn(20n);
    const [one, two] = reserveAll(world, ["cut-out", "video"], TASK);
    commit(world, one!);
    commit(world, two!);
    world.nowMs += world.refundWindowMs;
    const refusal = world.refuse(refundQuota, refundInput(target));
    assert.equal(refusal.reason, "REFUND_NOT_ELIGIBLE");
    assert.deepEqual(refusal.facts, { reservationId: one!.reservationId });
  });

  it("is refused for a task without reservations, and for another user's", () => {
    const world = worldWithAnn();
    register(world, BOB);
    reserve(world, CUT_OUT, { taskId: TASK });
    const none = refundInput({ taskId: "none" as TaskId, userId: ANN });
    const refusal = world.refuse(refundQuota, none);
    assert.equal(refusal.reason, "RESERVATION_NOT_FOUND");
    assert.deepEqual(refusal.facts, { taskId: "none" });
    const bobs = refundInput({ taskId: TASK, userId: BOB });
    assert.equal(world.refuse(refundQuota, bobs).reason, "RESERVATION_NOT_FOUND");
  });

  it("finds the holds that the same batch has just made", () => {
    const world = worldWithAnn(10n);
    const results = world.sendAll([
      { useCase: reserveQuota, input: reserveInput(CUT_OUT, { taskId: TASK }) },
      { useCase: refundQuota, input: refundInput(target) },
      { useCase: refundQuota, input: refundInput(target) },
    ] as never);
    results.forEach(accepted);
    const [reservation] = [...world.reservations.values()];
    assert.equal(reservation!.state, "REFUNDED");
    assert.equal(world.users.get(ANN)!.available, 10n);
    assertBooks(world);
  });

  /** One reservation in each state; the first one was committed so long ago that it stays. */
  function mixedTask() {
    const world = worldWithAnn(100n);
    const make = () => reserve(world, CUT_OUT, { taskId: TASK });
    const over = commit(world, make());
    world.nowMs += world.refundWindowMs;
    const refunded = refund(world, make());
    const committed = commit(world, make());
    const expired = letExpire(world, make());
    const held = make();
    return { world, over, refunded, committed, expired, held };
  }
});

function idOf({ reservationId }: Reservation): string {
  return reservationId;
}

function stateOf(world: World, { reservationId }: Reservation): string {
  return world.reservations.get(reservationId)!.state;
}

