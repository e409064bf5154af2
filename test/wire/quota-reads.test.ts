import assert from "node:assert/strict";
import { Approval_Kind } from "../../src/gen/billing/catalog/v1/catalog.ts";
import {
  ApproveRequest,
  CatalogServiceService as Catalog,
  RequestApprovalRequest,
} from "../../src/gen/billing/catalog/v1/catalog_service.ts";
import {
  Grant_State,
  QuotaLog_Type,
  Reservation_State,
} from "../../src/gen/billing/quota/v1/quota.ts";
import {
  CheckQuotaRequest,
  ExplainReservationRequest,
  GetBalanceRequest,
  GetReservationRequest,
  GrantQuotaRequest,
  QuotaServiceService as Quota,
} from "../../src/gen/billing/quota/v1/quota_service.ts";
import { unique } from "../support/bank.ts";
import { assertBadFields, assertRefused } from "../support/calls.ts";
import { commitOf, refundOf, reserveOf } from "../support/requests.ts";
import { flavours } from "../support/servers.ts";
import { startTestService, type TestService } from "../support/service.ts";

const VIDEO = "ai_video_generation";
const DAY_MS = 24 * 3_600_000;

for (const flavour of flavours()) {
  describe(`reading and granting quota over the wire on ${flavour}`, () => {
    let service: TestService;
    before(async () => {
      service = await startTestService(flavour);
    });
    after(() => service.close());

    const reserve = async (userId: string, change: Parameters<typeof reserveOf>[1] = {}) =>
      (await service.call(Quota.reserveQuota, reserveOf(userId, change))).reservation!;

    /** An adjustment that the operator asked for and the second one approved. */
    const approved = async (userId: string, amount: bigint, validDays = 0) => {
      const adjustment = { userId, amount, validDays };
      const asked = RequestApprovalRequest.fromPartial({
        idempotencyKey: unique("key"),
        approval: { kind: Approval_Kind.QUOTA_ADJUSTMENT, adjustment, reason: "an apology" },
      });
      const { approval } = await service.call(Catalog.requestApproval, asked, { as: "operator" });
      const approvalId = approval!.approvalId;
      const yes = ApproveRequest.fromPartial({
        idempotencyKey: unique("key"),
        approvalId,
        note: "fine",
      });
      await service.call(Catalog.approve, yes, { as: "operator-two" });
      return approvalId;
    };
    const grantOf = (userId: string, approvalId: string) =>
      GrantQuotaRequest.fromPartial({
        idempotencyKey: unique("key"),
        userId,
        source: { $case: "approvalId", value: approvalId },
      });

    describe("GetReservation and GetBalance", () => {
      it("show what is now", async () => {
        const userId = await service.bank.member(10);
        const { reservationId } = await reserve(userId);
        await service.call(Quota.commitQuota, commitOf(reservationId));
        const get = GetReservationRequest.create({ reservationId });
        const { reservation } = await service.call(Quota.getReservation, get);
        assert.equal(reservation?.state, Reservation_State.COMMITTED);
        assert.ok(reservation.commitTime);
        const { balance } = await service.call(
          Quota.getBalance,
          GetBalanceRequest.create({ userId }),
        );
        assert.deepEqual([balance?.userId, balance?.available, balance?.held], [userId, 9n, 0n]);
        assert.equal(balance?.nextExpireAmount, 9n);
      });

      it("refuse what isn't there as RESERVATION_NOT_FOUND and USER_NOT_FOUND", async () => {
        const get = GetReservationRequest.create({ reservationId: "rsv_none" });
        await assertRefused(service.call(Quota.getReservation, get), "RESERVATION_NOT_FOUND");
        const ask = GetBalanceRequest.create({ userId: "nobody" });
        await assertRefused(service.call(Quota.getBalance, ask), "USER_NOT_FOUND", {
          userId: "nobody",
        });
      });
    });

    describe("CheckQuota", () => {
      const check = (userId: string, featureId: string, quantity?: number) =>
        service.call(
          Quota.checkQuota,
          CheckQuotaRequest.fromPartial({ userId, featureId, quantity }),
        );

      it("allows what would pass, with its cost, and holds nothing", async () => {
        const userId = await service.bank.member(10);
        const answer = await check(userId, VIDEO, 2);
        assert.deepEqual([answer.allowed, answer.requiredAmount, answer.refusals], [true, 10n, []]);
        assert.equal(answer.balance?.held, 0n);
      });

      it("gives every refusal in order of precedence, each as the error would be", async () => {
        const userId = await service.bank.member(20);
        await reserve(userId, { featureId: VIDEO, quantity: 3 });
        const answer = await check(userId, VIDEO, 2);
        assert.equal(answer.allowed, false);
        const reasons = answer.refusals.map(({ reason }) => reason);
        assert.deepEqual(reasons, ["COOLDOWN_ACTIVE", "RATE_LIMITED", "QUOTA_INSUFFICIENT"]);
        const [cooldown, , short] = answer.refusals;
        assert.ok(cooldown?.retryDelay);
        assert.equal(short?.retryDelay, undefined);
        assert.deepEqual(Object.fromEntries(short!.metadata), {
          userId,
          available: "5",
          required: "10",
        });
        const thrown = service.call(
          Quota.reserveQuota,
          reserveOf(userId, { featureId: VIDEO, quantity: 2 }),
        );
        const told = await assertRefused(thrown, "COOLDOWN_ACTIVE");
        assert.equal(told.message, cooldown?.message);
      });

      it("tells of an unknown user without a balance", async () => {
        const answer = await check("nobody", VIDEO);
        assert.deepEqual(
          answer.refusals.map(({ reason }) => reason),
          ["USER_NOT_FOUND"],
        );
        assert.deepEqual(
          [answer.allowed, answer.requiredAmount, answer.balance],
          [false, 0n, undefined],
        );
      });
    });

    describe("ExplainReservation", () => {
      it("tells the rules and what they saw, the lots and every movement", async () => {
        const userId = await service.bank.member(20);
        const { reservationId } = await reserve(userId, { featureId: VIDEO });
        await service.call(Quota.refundQuota, refundOf(reservationId));
        const request = ExplainReservationRequest.create({ reservationId });
        const { reservation, rules, grants, logs } = await service.call(
          Quota.explainReservation,
          request,
        );
        assert.equal(reservation?.state, Reservation_State.REFUNDED);
        assert.deepEqual(
          rules.map(({ rule, limit }) => `${rule} ${limit}`),
          [
            "MEMBERSHIP_REQUIRED a membership that has not ended",
            "FEATURE_ACCESS_DENIED ",
            "IN_FLIGHT_LIMITED ",
            "COOLDOWN_ACTIVE 600 seconds between two uses",
            "RATE_LIMITED 3 per hour",
            "RATE_LIMITED 10 per day",
            "QUOTA_INSUFFICIENT 20 quota units available",
          ],
        );
        assert.equal(rules[4]?.observed, "0 within the last hour, and 1 more asked for");
        assert.equal(rules[6]?.observed, "5 needed: 1 of 5");
        assert.deepEqual(
          grants.map(({ grantId }) => grantId),
          reservation.allocations.map(({ grantId }) => grantId),
        );
        assert.deepEqual(
          logs.map(({ type }) => type),
          [QuotaLog_Type.RESERVE, QuotaLog_Type.REFUND],
        );
        assert.deepEqual(
          logs.map(({ method }) => method),
          ["ReserveQuota", "RefundQuota"],
        );
      });

      it("refuses an unknown reservation as RESERVATION_NOT_FOUND", async () => {
        const request = ExplainReservationRequest.create({ reservationId: "rsv_none" });
        await assertRefused(
          service.call(Quota.explainReservation, request),
          "RESERVATION_NOT_FOUND",
        );
      });
    });

    describe("GrantQuota", () => {
      it("gives what two people agreed on, once", async () => {
        const userId = await service.bank.member(20);
        const request = grantOf(userId, await approved(userId, 50n, 30));
        const answer = await service.call(Quota.grantQuota, request);
        const { grant } = answer;
        assert.deepEqual(
          [grant?.amount, grant?.remaining, grant?.state],
          [50n, 50n, Grant_State.OPEN],
        );
        assert.equal(grant?.sourceKind, "ADJUSTMENT");
        assert.equal(grant.expireTime!.getTime() - grant.createTime!.getTime(), 30 * DAY_MS);
        assert.equal(answer.balance?.available, 70n);
        assert.deepEqual(await service.call(Quota.grantQuota, request), {
          ...answer,
          replayed: true,
        });
        const again = { ...request, idempotencyKey: unique("key") };
        const facts = { sourceKind: "ADJUSTMENT", grantId: grant.grantId };
        await assertRefused(service.call(Quota.grantQuota, again), "GRANT_SOURCE_USED", facts);
      });

      it("refuses every other source as GRANT_SOURCE_UNLAWFUL", async () => {
        const [userId, other] = [await service.bank.member(1), await service.bank.member(1)];
        const sources = [
          { $case: "approvalId" as const, value: await approved(other, 5n) },
          { $case: "approvalId" as const, value: "apr_none" },
          { $case: "orderId" as const, value: "ord_none" },
        ];
        for (const source of sources) {
          const request = GrantQuotaRequest.fromPartial({
            idempotencyKey: unique("key"),
            userId,
            source,
          });
          await assertRefused(service.call(Quota.grantQuota, request), "GRANT_SOURCE_UNLAWFUL", {
            sourceId: source.value,
          });
        }
      });

      it("refuses an unknown user as USER_NOT_FOUND and a missing source by name", async () => {
        await assertRefused(
          service.call(Quota.grantQuota, grantOf("nobody", "apr_1")),
          "USER_NOT_FOUND",
        );
        const request = GrantQuotaRequest.fromPartial({ idempotencyKey: "k", userId: "u" });
        await assertBadFields(service.call(Quota.grantQuota, request), "source");
      });
    });
  });
}
