import assert from "node:assert/strict";
import type { ReservationId } from "../../src/billing/id.ts";
import { RefundReason, Reservation_State } from "../../src/gen/billing/quota/v1/quota.ts";
import {
  QuotaServiceService as Quota,
  type CommitQuotaRequest,
  type ExtendReservationRequest,
  type RefundQuotaRequest,
} from "../../src/gen/billing/quota/v1/quota_service.ts";
import { startSweeper } from "../../src/job/sweeper.ts";
import { unique } from "../support/bank.ts";
import { assertBadFields, assertRefused } from "../support/calls.ts";
import { commitOf, extendOf, refundOf, reserveOf, seconds } from "../support/requests.ts";
import { flavours } from "../support/servers.ts";
import { startTestService, type TestService } from "../support/service.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

for (const flavour of flavours()) {
  describe(`settling over the wire on ${flavour}`, () => {
    let service: TestService;
    before(async () => {
      service = await startTestService(flavour);
    });
    after(() => service.close());

    const commit = (request: CommitQuotaRequest) =>
      service.call(Quota.commitQuota, request, { as: "pipeline" });
    const refund = (request: RefundQuotaRequest) =>
      service.call(Quota.refundQuota, request, { as: "pipeline" });
    const extend = (request: ExtendReservationRequest) =>
      service.call(Quota.extendReservation, request, { as: "pipeline" });

    /** A new member's hold of 4 out of 10 units. */
    const hold = async (taskId = unique("task"), balance = 10) => {
      const userId = await service.bank.member(balance);
      const request = reserveOf(userId, { quantity: 4, taskId });
      const { reservation } = await service.call(Quota.reserveQuota, request, { as: "pipeline" });
      return { userId, taskId, reservationId: reservation!.reservationId };
    };

    /** Lets a hold end by its own time, as the sweeper does. */
    const expire = async (reservationId: string) => {
      service.bank.advance(HOUR_MS);
      const { teller, finder } = service.bank;
      const observer = { swept() {}, failed() {} };
      const sweeper = startSweeper({ teller, finder, intervalMs: HOUR_MS, observer });
      try {
        await sweeper.sweep();
      } finally {
        await sweeper.stop();
      }
      const ended = await service.bank.reader.findReservation(reservationId as ReservationId);
      assert.equal(ended?.state, "EXPIRED");
    };

    describe("CommitQuota", () => {
      it("spends all that is held, and answers the key the same again", async () => {
        const { reservationId } = await hold();
        const request = commitOf(reservationId);
        const answer = await commit(request);
        const { state, committedAmount, refundedAmount, eligibleForRefund } = answer.reservation!;
        assert.deepEqual(
          [state, committedAmount, refundedAmount, eligibleForRefund],
          [Reservation_State.COMMITTED, 4n, 0n, true],
        );
        assert.deepEqual([answer.balance?.available, answer.balance?.held], [6n, 0n]);
        assert.deepEqual(await commit(request), { ...answer, replayed: true });
      });

      it("gives back what was held and not spent", async () => {
        const { reservationId } = await hold();
        const { reservation, balance } = await commit(
          commitOf(reservationId, { actualAmount: 1n }),
        );
        assert.deepEqual([reservation?.committedAmount, reservation?.refundedAmount], [1n, 3n]);
        assert.equal(balance?.available, 9n);
      });

      it("previews without settling", async () => {
        const { reservationId } = await hold();
        await commit(commitOf(reservationId, { validateOnly: true }));
        await commit(commitOf(reservationId));
      });

      it("refuses an unknown hold as RESERVATION_NOT_FOUND", async () => {
        const told = await assertRefused(commit(commitOf("rsv_none")), "RESERVATION_NOT_FOUND");
        assert.deepEqual(told.metadata, { reservationId: "rsv_none" });
      });

      it("refuses more than is held as COMMIT_EXCEEDS_RESERVATION", async () => {
        const { reservationId } = await hold();
        const facts = { amount: "4", actualAmount: "5" };
        const request = commitOf(reservationId, { actualAmount: 5n });
        await assertRefused(commit(request), "COMMIT_EXCEEDS_RESERVATION", facts);
      });

      it("refuses what another call has committed as RESERVATION_NOT_HELD", async () => {
        const { reservationId } = await hold();
        await commit(commitOf(reservationId));
        const facts = { reservationId, state: "COMMITTED" };
        await assertRefused(commit(commitOf(reservationId)), "RESERVATION_NOT_HELD", facts);
      });

      it("refuses what was refunded as ALREADY_REFUNDED", async () => {
        const { reservationId } = await hold();
        await refund(refundOf(reservationId));
        await assertRefused(commit(commitOf(reservationId)), "ALREADY_REFUNDED", { reservationId });
      });

      it("holds anew after expiry, or refuses as RESERVATION_EXPIRED", async () => {
        const rich = await hold();
        await expire(rich.reservationId);
        assert.equal((await commit(commitOf(rich.reservationId))).balance?.available, 6n);
        const poor = await hold(unique("task"), 4);
        await expire(poor.reservationId);
        const other = reserveOf(poor.userId, { quantity: 2 });
        await service.call(Quota.reserveQuota, other, { as: "pipeline" });
        const { reservationId } = poor;
        await assertRefused(commit(commitOf(reservationId)), "RESERVATION_EXPIRED", {
          reservationId,
        });
      });

      it("reports every bad field", async () => {
        const request = commitOf("", { idempotencyKey: "", actualAmount: -1n });
        await assertBadFields(
          commit(request),
          "idempotency_key",
          "reservation_id",
          "actual_amount",
        );
        for (const actualAmount of [2n ** 63n - 1n, -(2n ** 63n)]) {
          await assertBadFields(commit(commitOf("rsv_1", { actualAmount })), "actual_amount");
        }
      });
    });

    describe("RefundQuota", () => {
      it("gives a held amount back, with the reason, the step and the words", async () => {
        const { reservationId } = await hold();
        const words = { failedStep: "upscale", detail: "timeout\nafter 30 s" };
        const answer = await refund(
          refundOf(reservationId, { ...words, reason: RefundReason.TIMEOUT }),
        );
        const { state, refundReason, failedStep, refundDetail } = answer.reservation!;
        assert.deepEqual(
          [state, refundReason, failedStep, refundDetail],
          [Reservation_State.REFUNDED, "TIMEOUT", words.failedStep, words.detail],
        );
        assert.equal(answer.balance?.available, 10n);
        assert.equal(answer.replayed, false);
        assert.deepEqual(answer.reservations, [answer.reservation]);
      });

      it("has the same outcome however often it is called, with any key", async () => {
        const { reservationId } = await hold();
        await commit(commitOf(reservationId));
        const request = refundOf(reservationId);
        const first = await refund(request);
        assert.equal(first.replayed, false);
        for (const again of [request, refundOf(reservationId)]) {
          const { replayed, reservation, balance } = await refund(again);
          assert.equal(replayed, true);
          assert.deepEqual(reservation, first.reservation);
          assert.equal(balance?.available, 10n);
        }
      });

      it("by task gives every hold of the task back, for whoever's task it is", async () => {
        const { userId, taskId } = await hold();
        await service.call(Quota.reserveQuota, reserveOf(userId, { taskId }), { as: "pipeline" });
        const target = { $case: "taskId" as const, value: taskId };
        const answer = await refund(refundOf("", { target }));
        assert.equal(answer.reservations.length, 2);
        assert.equal(answer.balance?.available, 10n);
        assert.equal((await refund(refundOf("", { target, userId }))).replayed, true);
      });

      it("refuses a task id of several users as TASK_AMBIGUOUS", async () => {
        const taskId = unique("task");
        const [one, two] = [await hold(taskId), await hold(taskId)];
        const target = { $case: "taskId" as const, value: taskId };
        await assertRefused(refund(refundOf("", { target })), "TASK_AMBIGUOUS", { taskId });
        const answer = await refund(refundOf("", { target, userId: two.userId }));
        assert.deepEqual(
          answer.reservations.map(({ userId }) => userId),
          [two.userId],
        );
        assert.equal((await service.bank.reader.findBalance(one.userId))?.held, 4n);
      });

      it("refuses what was never reserved as RESERVATION_NOT_FOUND", async () => {
        await assertRefused(refund(refundOf("rsv_none")), "RESERVATION_NOT_FOUND", {
          reservationId: "rsv_none",
        });
        const target = { $case: "taskId" as const, value: "no-task" };
        await assertRefused(refund(refundOf("", { target })), "RESERVATION_NOT_FOUND", {
          taskId: "no-task",
        });
        const { userId } = await hold();
        const named = refundOf("", { target, userId });
        await assertRefused(refund(named), "RESERVATION_NOT_FOUND", { taskId: "no-task" });
      });

      it("refuses a wish as SUBJECTIVE_REFUND_FORBIDDEN, by number or in words", async () => {
        const { reservationId, userId } = await hold();
        const wishes = [
          { reason: RefundReason.USER_DISSATISFIED },
          { reason: RefundReason.UNSPECIFIED, detail: "the user gave a bad review" },
          { reason: RefundReason.UNSPECIFIED, failedStep: "用户不满意" },
        ];
        for (const wish of wishes) {
          await assertRefused(refund(refundOf(reservationId, wish)), "SUBJECTIVE_REFUND_FORBIDDEN");
        }
        const unknown = refundOf("rsv_none", { reason: RefundReason.USER_DISSATISFIED });
        await assertRefused(refund(unknown), "SUBJECTIVE_REFUND_FORBIDDEN");
        assert.equal((await service.bank.reader.findBalance(userId))?.held, 4n);
      });

      it("lets a fault of the system pass whatever else is said", async () => {
        const { reservationId } = await hold();
        const words = { detail: "output quality check crashed", failedStep: "quality" };
        assert.equal((await refund(refundOf(reservationId, words))).balance?.available, 10n);
      });

      it("refuses a commit that is too long ago as REFUND_NOT_ELIGIBLE", async () => {
        const { reservationId } = await hold();
        await commit(commitOf(reservationId));
        service.bank.advance(7 * DAY_MS);
        await assertRefused(refund(refundOf(reservationId)), "REFUND_NOT_ELIGIBLE", {
          reservationId,
        });
      });

      it("reports every bad field", async () => {
        const request = refundOf("", {
          idempotencyKey: "",
          target: undefined,
          reason: RefundReason.UNSPECIFIED,
          failedStep: "x".repeat(256),
          detail: "\u0000",
          userId: "!",
        });
        const fields = ["idempotency_key", "target", "reason", "failed_step", "detail", "user_id"];
        await assertBadFields(refund(request), ...fields);
        for (const reason of [99, -1, 6] as RefundReason[]) {
          await assertBadFields(refund(refundOf("rsv_1", { reason })), "reason");
        }
      });
    });

    describe("ExtendReservation", () => {
      it("moves the end of a hold on, never nearer", async () => {
        const { reservationId } = await hold();
        const longer = await extend(extendOf(reservationId, { ttl: seconds(7_200) }));
        const end = longer.reservation!.expireTime!;
        assert.ok(end.getTime() - longer.reservation!.createTime!.getTime() >= 7_200_000);
        const shorter = await extend(extendOf(reservationId, { ttl: seconds(1) }));
        assert.deepEqual(shorter.reservation?.expireTime, end);
      });

      it("refuses RESERVATION_NOT_FOUND and RESERVATION_NOT_HELD as commits do", async () => {
        await assertRefused(extend(extendOf("rsv_none")), "RESERVATION_NOT_FOUND");
        const { reservationId } = await hold();
        await commit(commitOf(reservationId));
        const facts = { state: "COMMITTED" };
        await assertRefused(extend(extendOf(reservationId)), "RESERVATION_NOT_HELD", facts);
      });

      it("refuses a hold of 24 hours as HOLD_LIMIT_REACHED", async () => {
        const { reservationId } = await hold();
        await extend(extendOf(reservationId, { ttl: seconds(86_400) }));
        const facts = { reservationId, maxHoldSeconds: "86400" };
        await assertRefused(extend(extendOf(reservationId)), "HOLD_LIMIT_REACHED", facts);
      });

      it("reports every bad field", async () => {
        const request = extendOf("", { idempotencyKey: "", ttl: { seconds: 5n, nanos: -1 } });
        await assertBadFields(extend(request), "idempotency_key", "reservation_id", "ttl");
      });
    });
  });
}
