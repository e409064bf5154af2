import assert from "node:assert/strict";
import type { ReservationId, TaskId } from "../../../src/billing/id.ts";
import { addressRefund, type RefundRequest } from "../../../src/billing/quota/refund-address.ts";
import { refundQuota } from "../../../src/billing/quota/refund-quota.ts";
import { Refusal } from "../../../src/billing/refusal.ts";
import { ANN, BOB, CUT_OUT, register, reserve, worldWithAnn } from "../support/actions.ts";
import { readerOf } from "../support/reader.ts";

const TASK = "task" as TaskId;
const KEY = "key";

function request(target: RefundRequest["target"], reason: RefundRequest["reason"] = "TIMEOUT") {
  return { target, reason, failedStep: "", detail: "" };
}

function refusedAs(reason: string, facts: Record<string, string>) {
  return (fault: unknown) => {
    assert.ok(fault instanceof Refusal);
    assert.deepEqual([fault.reason, fault.facts], [reason, facts]);
    return true;
  };
}

describe("the address of a refund", () => {
  it("is the user who alone has reservations under the task", async () => {
    const world = worldWithAnn();
    reserve(world, CUT_OUT, { taskId: TASK });
    reserve(world, CUT_OUT, { taskId: TASK });
    const asked = request({ taskId: TASK, userId: null });
    const { input, userId } = await addressRefund(readerOf(world), asked, KEY);
    assert.equal(userId, ANN);
    assert.deepEqual(input.target, { taskId: TASK, userId: ANN });
  });

  it("is the user that is named, though others have used the task id", async () => {
    const world = worldWithAnn();
    register(world, BOB);
    for (const userId of [ANN, BOB]) reserve(world, CUT_OUT, { taskId: TASK, userId });
    const asked = request({ taskId: TASK, userId: BOB });
    assert.equal((await addressRefund(readerOf(world), asked, KEY)).userId, BOB);
    const ambiguous = addressRefund(readerOf(world), request({ taskId: TASK, userId: null }), KEY);
    await assert.rejects(ambiguous, refusedAs("TASK_AMBIGUOUS", { taskId: TASK }));
  });

  it("is whoever it was the first time, when the task id has become ambiguous since", async () => {
    const world = worldWithAnn();
    register(world, BOB);
    reserve(world, CUT_OUT, { taskId: TASK });
    const asked = request({ taskId: TASK, userId: null });
    const first = await addressRefund(readerOf(world), asked, KEY);
    const done = world.accept(refundQuota, first.input, { key: KEY });
    reserve(world, CUT_OUT, { taskId: TASK, userId: BOB });
    const again = await addressRefund(readerOf(world), asked, KEY);
    assert.deepEqual(again, first);
    assert.deepEqual(world.accept(refundQuota, again.input, { key: KEY }), done);
  });

  it("is left open where a reservation is named", async () => {
    const reservationId = "rsv_1" as ReservationId;
    const asked = request({ reservationId });
    const { input, userId } = await addressRefund(readerOf(worldWithAnn()), asked, KEY);
    assert.deepEqual([input, userId], [asked, undefined]);
  });

  it("is unknown for a task without reservations", async () => {
    const asked = addressRefund(readerOf(worldWithAnn()), request({ taskId: TASK, userId: null }), KEY);
    await assert.rejects(asked, refusedAs("RESERVATION_NOT_FOUND", { taskId: TASK }));
  });

  it("is not even looked for when the reason is an opinion", async () => {
    const reader = readerOf(worldWithAnn());
    const reservationId = "x" as ReservationId;
    for (const target of [{ taskId: TASK, userId: null }, { reservationId }]) {
      const asked = addressRefund(reader, request(target, "SUBJECTIVE"), KEY);
      await assert.rejects(asked, refusedAs("SUBJECTIVE_REFUND_FORBIDDEN", {}));
    }
  });
});
