import assert from "node:assert/strict";
import {
  Membership_State,
  Membership_UserState,
} from "../../src/gen/billing/membership/v1/membership.ts";
import {
  CheckEntitlementRequest,
  GetMembershipRequest,
  ListMembershipsRequest,
  MembershipServiceService as Membership,
  type RegisterUserRequest,
  ResumeUserRequest,
  SuspendUserRequest,
} from "../../src/gen/billing/membership/v1/membership_service.ts";
import type { PlanId, UserId } from "../../src/billing/id.ts";
import { placeOrder } from "../../src/billing/order/place-order.ts";
import { settlePayment } from "../../src/billing/order/settle-payment.ts";
import { QuotaServiceService as Quota } from "../../src/gen/billing/quota/v1/quota_service.ts";
import { unique } from "../support/bank.ts";
import { assertBadFields, assertRefused } from "../support/calls.ts";
import { commitOf, reserveOf } from "../support/requests.ts";
import { flavours } from "../support/servers.ts";
import { startTestService, type TestService } from "../support/service.ts";

const DAY_MS = 24 * 3_600_000;
const VIDEO = "ai_video_generation";

for (const flavour of flavours()) {
  describe(`MembershipService over the wire on ${flavour}`, () => {
    let service: TestService;
    before(async () => {
      service = await startTestService(flavour);
    });
    after(() => service.close());

    const register = (change: Partial<RegisterUserRequest> = {}) =>
      service.call(
        Membership.registerUser,
        { idempotencyKey: unique("key"), userId: unique("user"), validateOnly: false, ...change },
        { as: "storefront" },
      );
    const suspend = (userId: string, reason = "fraud", validateOnly = false) =>
      service.call(
        Membership.suspendUser,
        SuspendUserRequest.create({ idempotencyKey: unique("key"), userId, reason, validateOnly }),
        { as: "operator" },
      );
    const resume = (userId: string, reason = "cleared") =>
      service.call(
        Membership.resumeUser,
        ResumeUserRequest.create({ idempotencyKey: unique("key"), userId, reason }),
        { as: "operator" },
      );
    const get = (userId: string) =>
      service.call(Membership.getMembership, GetMembershipRequest.create({ userId }));

    describe("RegisterUser", () => {
      it("gives the trial membership and its quota, once for a key", async () => {
        const request = { idempotencyKey: unique("key"), userId: unique("user") };
        const answer = await register(request);
        const { membership, grantedAmount } = answer;
        assert.deepEqual(
          [membership?.state, membership?.userState],
          [Membership_State.TRIAL, Membership_UserState.ACTIVE],
        );
        assert.deepEqual([membership?.planId, grantedAmount], ["trial", 20n]);
        assert.equal(
          membership!.expireTime!.getTime() - membership!.startTime!.getTime(),
          7 * DAY_MS,
        );
        assert.deepEqual(await register(request), { ...answer, replayed: true });
        assert.deepEqual((await get(request.userId)).membership, membership);
      });

      it("refuses a user whom another key has registered as USER_ALREADY_REGISTERED", async () => {
        const userId = unique("user");
        await register({ userId });
        await assertRefused(register({ userId }), "USER_ALREADY_REGISTERED", { userId });
      });

      it("previews without registering anybody", async () => {
        const userId = unique("user");
        assert.equal((await register({ userId, validateOnly: true })).grantedAmount, 20n);
        await assertRefused(get(userId), "USER_NOT_FOUND");
      });

      it("tells users apart by the case of their ids", async () => {
        await register({ userId: "Case-A" });
        await register({ userId: "case-a" });
      });
    });

    describe("SuspendUser and ResumeUser", () => {
      it("stop new holds but no settlement, and let the user act again", async () => {
        const userId = await service.bank.member(20);
        const { reservation } = await service.call(Quota.reserveQuota, reserveOf(userId));
        const { membership } = await suspend(userId);
        assert.deepEqual(
          [membership?.userState, membership?.suspendReason],
          [Membership_UserState.SUSPENDED, "fraud"],
        );
        await assertRefused(service.call(Quota.reserveQuota, reserveOf(userId)), "USER_SUSPENDED");
        await service.call(Quota.commitQuota, commitOf(reservation!.reservationId));
        assert.equal((await resume(userId)).membership?.suspendReason, "");
        await service.call(Quota.reserveQuota, reserveOf(userId));
      });

      it("leave a user as they are who is so already", async () => {
        const userId = await service.bank.member(20);
        assert.equal((await resume(userId)).membership?.userState, Membership_UserState.ACTIVE);
        await suspend(userId, "first");
        assert.equal((await suspend(userId, "second")).membership?.suspendReason, "first");
      });

      it("preview without stopping anybody", async () => {
        const userId = await service.bank.member(20);
        await suspend(userId, "fraud", true);
        assert.equal((await get(userId)).membership?.userState, Membership_UserState.ACTIVE);
      });

      it("refuse an unknown user as USER_NOT_FOUND", async () => {
        await assertRefused(suspend("nobody"), "USER_NOT_FOUND", { userId: "nobody" });
        await assertRefused(resume("nobody"), "USER_NOT_FOUND", { userId: "nobody" });
      });

      it("want a reason of one line", async () => {
        for (const reason of ["", "  ", "x".repeat(256), "a\nb", "a\u202eb"]) {
          await assertBadFields(suspend("u1", reason), "reason");
        }
      });
    });

    describe("GetMembership", () => {
      it("shows a membership whose time is over as LAPSED", async () => {
        const userId = await service.bank.member(20);
        service.bank.advance(7 * DAY_MS);
        assert.equal((await get(userId)).membership?.state, Membership_State.LAPSED);
      });

      it("refuses an unknown user as USER_NOT_FOUND", async () => {
        await assertRefused(get("nobody"), "USER_NOT_FOUND", { userId: "nobody" });
      });
    });

    describe("GetMembership of who has paid ahead", () => {
      /** Two months, paid for. */
      const buy = async (userId: UserId) => {
        const { bank } = service;
        const product = { planId: "membership-monthly" as PlanId };
        const wish = { userId, product, quantity: 2, channel: "NATIVE" } as const;
        const nobody = { payerOpenid: null, clientIp: null };
        const { orderId } = (await bank.send(placeOrder, { ...wish, ...nobody })).answer;
        const trade = {
          outTradeNo: orderId,
          state: "SUCCESS",
          transactionId: unique("4200"),
          totalFen: 19_800n,
          payerTotalFen: 19_800n,
          currency: "CNY",
          successTimeMs: Date.now(),
          payerOpenid: "o-payer",
          tradeType: "NATIVE",
        } as const;
        const input = { orderId, trade, source: "QUERY", userId } as const;
        await bank.send(settlePayment, input);
      };

      it("shows the quota that waits for the next month, and nothing when none waits", async () => {
        const userId = await service.bank.member(20);
        assert.equal((await get(userId)).nextQuota, undefined);
        await buy(userId);
        const { membership, nextQuota } = await get(userId);
        assert.equal(membership?.state, Membership_State.ACTIVE);
        assert.ok(nextQuota!.amount > 0n);
        assert.ok(nextQuota!.startTime! > membership.startTime!);
        assert.ok(nextQuota!.startTime! < membership.expireTime!);
        assert.deepEqual(nextQuota!.expireTime, membership.expireTime);
      });
    });

    describe("CheckEntitlement", () => {
      const check = (userId: string, featureId: string) =>
        service.call(
          Membership.checkEntitlement,
          CheckEntitlementRequest.create({ userId, featureId }),
        );

      it("entitles members whatever the balance, and gives every reason against", async () => {
        const userId = await service.bank.member(1);
        const free = await check(userId, VIDEO);
        assert.deepEqual([free.entitled, free.refusals], [true, []]);
        assert.equal(free.membership?.userId, userId);
        await suspend(userId);
        service.bank.advance(8 * DAY_MS);
        const { entitled, refusals } = await check(userId, "garment_video_preview");
        assert.equal(entitled, false);
        const reasons = refusals.map(({ reason }) => reason);
        assert.deepEqual(reasons, [
          "USER_SUSPENDED",
          "MEMBERSHIP_REQUIRED",
          "FEATURE_ACCESS_DENIED",
        ]);
      });

      it("tells of unknown users and features as reasons", async () => {
        const userId = await service.bank.member(1);
        const unknown = await check("nobody", VIDEO);
        assert.deepEqual(
          unknown.refusals.map(({ reason }) => reason),
          ["USER_NOT_FOUND"],
        );
        assert.equal(unknown.membership, undefined);
        const featureless = await check(userId, "no_such");
        assert.deepEqual(
          featureless.refusals.map(({ reason }) => reason),
          ["FEATURE_NOT_FOUND"],
        );
      });
    });

    it("ListPlans shows all plans, the cheapest first", async () => {
      const { plans } = await service.call(Membership.listPlans, {});
      assert.deepEqual(
        plans.map(({ planId, priceFen, trial }) => [planId, priceFen, trial]),
        [
          ["trial", 0n, true],
          ["membership-monthly", 9_900n, false],
        ],
      );
    });

    it("ListMemberships pages by user id and filters by both states", async () => {
      const list = (request: Parameters<typeof ListMembershipsRequest.fromPartial>[0]) =>
        service.call(Membership.listMemberships, ListMembershipsRequest.fromPartial(request));
      const userId = await service.bank.member(1);
      await suspend(userId);
      const all: string[] = [];
      let pageToken = "";
      do {
        const page = await list({ pageSize: 4, pageToken });
        all.push(...page.memberships.map((found) => found.userId));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      assert.deepEqual(all, [...new Set(all)].sort());
      assert.ok(all.includes(userId));
      const trial = { state: Membership_State.TRIAL, userState: Membership_UserState.SUSPENDED };
      const some = await list(trial);
      assert.deepEqual(
        some.memberships.map((found) => found.userId),
        [userId],
      );
      await assertBadFields(
        list({ state: 9 as Membership_State, userState: -1, pageSize: -5 }),
        "state",
        "user_state",
        "page_size",
      );
    });
  });
}
