import assert from "node:assert/strict";
import {
  CatalogServiceService as Catalog,
  SetFeatureAccessRequest,
} from "../../src/gen/billing/catalog/v1/catalog_service.ts";
import {
  MembershipServiceService as Membership,
  SuspendUserRequest,
} from "../../src/gen/billing/membership/v1/membership_service.ts";
import { Reservation_State } from "../../src/gen/billing/quota/v1/quota.ts";
import {
  GetReservationRequest,
  QuotaServiceService as Quota,
  type BatchReserveQuotaRequest,
  type ReserveQuotaRequest,
} from "../../src/gen/billing/quota/v1/quota_service.ts";
import { PLAIN_FEATURE, unique } from "../support/bank.ts";
import { assertBadFields, assertRefused } from "../support/calls.ts";
import { batchOf, reserveOf, seconds } from "../support/requests.ts";
import { flavours } from "../support/servers.ts";
import { startTestService, type TestService } from "../support/service.ts";

const HOUR_MS = 3_600_000;
const VIDEO = "ai_video_generation";
const WHITELISTED = "garment_video_preview";
const DRAFT = "runway_video_generation";

for (const flavour of flavours()) {
  describe(`reserving over the wire on ${flavour}`, () => {
    let service: TestService;
    before(async () => {
      service = await startTestService(flavour);
    });
    after(() => service.close());

    const reserve = (request: ReserveQuotaRequest) =>
      service.call(Quota.reserveQuota, request, { as: "pipeline" });
    const batch = (request: BatchReserveQuotaRequest) =>
      service.call(Quota.batchReserveQuota, request, { as: "pipeline" });
    const openList = (userId: string) => {
      const idempotencyKey = unique("key");
      const list = { idempotencyKey, featureId: WHITELISTED, addUserIds: [userId] };
      return service.call(Catalog.setFeatureAccess, SetFeatureAccessRequest.fromPartial(list));
    };

    it("holds the feature's cost times the quantity, with labels and the asked life", async () => {
      const userId = await service.bank.member(100);
      const labels = new Map([
        ["constructor", "x"],
        ["a.b", "值"],
      ]);
      const request = reserveOf(userId, {
        featureId: VIDEO,
        quantity: 2,
        ttl: seconds(60),
        labels,
      });
      const { reservation, balance, replayed } = await reserve(request);
      assert.ok(reservation && balance);
      assert.equal(replayed, false);
      assert.deepEqual(
        [reservation.amount, reservation.unitCost, reservation.quantity, reservation.state],
        [10n, 5n, 2, Reservation_State.HELD],
      );
      assert.deepEqual(reservation.labels, labels);
      assert.equal(reservation.expireTime!.getTime() - reservation.createTime!.getTime(), 60_000);
      assert.deepEqual([balance.available, balance.held], [90n, 10n]);
      const { reservationId } = reservation;
      const stored = await service.call(
        Quota.getReservation,
        GetReservationRequest.create({ reservationId }),
      );
      assert.deepEqual(stored.reservation, reservation);
    });

    it("holds one use for 15 minutes when nothing else is said", async () => {
      const { reservation } = await reserve(reserveOf(await service.bank.member(5)));
      assert.equal(reservation!.quantity, 1);
      assert.equal(
        reservation!.expireTime!.getTime() - reservation!.createTime!.getTime(),
        900_000,
      );
    });

    it("answers an equal key with the first answer, and nothing is held twice", async () => {
      const request = reserveOf(await service.bank.member(5));
      const first = await reserve(request);
      assert.deepEqual(await reserve(request), { ...first, replayed: true });
    });

    it("decides a preview like the real thing and holds nothing", async () => {
      const userId = await service.bank.member(3);
      const preview = await reserve(reserveOf(userId, { quantity: 2, validateOnly: true }));
      assert.deepEqual([preview.reservation!.amount, preview.balance!.available], [2n, 1n]);
      await assertRefused(
        reserve(reserveOf(userId, { quantity: 4, validateOnly: true })),
        "QUOTA_INSUFFICIENT",
      );
      assert.equal((await service.bank.reader.findBalance(userId))?.available, 3n);
    });

    it("refuses a used key with other content as IDEMPOTENCY_KEY_REUSED", async () => {
      const request = reserveOf(await service.bank.member(5));
      await reserve(request);
      const facts = { method: "ReserveQuota", field: "quantity" };
      await assertRefused(reserve({ ...request, quantity: 2 }), "IDEMPOTENCY_KEY_REUSED", facts);
    });

    it("refuses an unknown user as USER_NOT_FOUND", async () => {
      const told = await assertRefused(reserve(reserveOf("nobody")), "USER_NOT_FOUND", {
        userId: "nobody",
      });
      assert.equal(told.resource?.resourceName, "nobody");
    });

    it("refuses a suspended user as USER_SUSPENDED", async () => {
      const userId = await service.bank.member(5);
      const suspension = { idempotencyKey: unique("key"), userId, reason: "fraud" };
      await service.call(Membership.suspendUser, SuspendUserRequest.fromPartial(suspension));
      await assertRefused(reserve(reserveOf(userId)), "USER_SUSPENDED", { userId });
    });

    it("refuses an unknown feature as FEATURE_NOT_FOUND", async () => {
      const request = reserveOf(await service.bank.member(5), { featureId: "no_such" });
      await assertRefused(reserve(request), "FEATURE_NOT_FOUND", { featureId: "no_such" });
    });

    it("refuses a feature that is only a draft as FEATURE_NOT_PUBLISHED", async () => {
      const request = reserveOf(await service.bank.member(50), { featureId: DRAFT });
      await assertRefused(reserve(request), "FEATURE_NOT_PUBLISHED", { featureId: DRAFT });
    });

    it("refuses who is no member any more as MEMBERSHIP_REQUIRED", async () => {
      const userId = await service.bank.member(5);
      service.bank.advance(8 * 24 * HOUR_MS);
      await assertRefused(reserve(reserveOf(userId)), "MEMBERSHIP_REQUIRED", { userId });
    });

    it("refuses who isn't on a feature's list as FEATURE_ACCESS_DENIED", async () => {
      const userId = await service.bank.member(50);
      const facts = { featureId: WHITELISTED, userId, accessScope: "WHITELIST" };
      await assertRefused(
        reserve(reserveOf(userId, { featureId: WHITELISTED })),
        "FEATURE_ACCESS_DENIED",
        facts,
      );
    });

    it("refuses more open holds than the feature allows as IN_FLIGHT_LIMITED", async () => {
      const userId = await service.bank.member(100);
      await openList(userId);
      await reserve(reserveOf(userId, { featureId: WHITELISTED }));
      const facts = { max: "1", inFlight: "1" };
      await assertRefused(
        reserve(reserveOf(userId, { featureId: WHITELISTED })),
        "IN_FLIGHT_LIMITED",
        facts,
      );
    });

    it("refuses a use too soon as COOLDOWN_ACTIVE, and says when it will pass", async () => {
      const userId = await service.bank.member(100);
      await reserve(reserveOf(userId, { featureId: VIDEO }));
      const told = await assertRefused(
        reserve(reserveOf(userId, { featureId: VIDEO })),
        "COOLDOWN_ACTIVE",
        {
          cooldownSeconds: "600",
        },
      );
      assert.ok(told.retryAfterMs! > 0 && told.retryAfterMs! <= 600_000);
    });

    it("refuses uses beyond the hour as RATE_LIMITED, and says when the next fits", async () => {
      const userId = await service.bank.member(100);
      for (let use = 0; use < 3; use++) {
        await reserve(reserveOf(userId, { featureId: VIDEO }));
        service.bank.advance(600_000);
      }
      const facts = { window: "hour", max: "3", used: "3" };
      const told = await assertRefused(
        reserve(reserveOf(userId, { featureId: VIDEO })),
        "RATE_LIMITED",
        facts,
      );
      assert.ok(told.retryAfterMs! > HOUR_MS - 1_800_000 - 60_000 && told.retryAfterMs! <= HOUR_MS);
      assert.equal(told.quota[0]?.quotaMetric, "feature_uses");
    });

    it("refuses what the balance lacks as QUOTA_INSUFFICIENT, for good", async () => {
      const userId = await service.bank.member(3);
      const facts = { userId, available: "3", required: "4" };
      const told = await assertRefused(
        reserve(reserveOf(userId, { quantity: 4 })),
        "QUOTA_INSUFFICIENT",
        facts,
      );
      assert.equal(told.retryAfterMs, undefined);
    });

    it("reports every bad field of a request, and nothing is held", async () => {
      const userId = await service.bank.member(3);
      const request = reserveOf(userId, {
        idempotencyKey: "has space",
        featureId: "no/slash",
        taskId: "",
        quantity: 0,
        ttl: seconds(0),
        labels: new Map([["__proto__", "x"]]),
      });
      const fields = ["idempotency_key", "feature_id", "task_id", "quantity", "ttl", "labels"];
      await assertBadFields(reserve(request), ...fields);
      assert.equal((await service.bank.reader.findBalance(userId))?.available, 3n);
    });

    it("holds all lines of a batch in their order, with one balance", async () => {
      const userId = await service.bank.member(10);
      const request = batchOf(userId);
      const answer = await batch(request);
      assert.deepEqual(
        answer.reservations.map(({ amount }) => amount),
        [1n, 2n],
      );
      assert.deepEqual(
        new Set(answer.reservations.map(({ taskId }) => taskId)),
        new Set([request.taskId]),
      );
      assert.deepEqual([answer.balance?.available, answer.balance?.held], [7n, 3n]);
      assert.deepEqual(await batch(request), { ...answer, replayed: true });
    });

    it("holds no line of a batch when one fails, and the first that fails decides", async () => {
      const userId = await service.bank.member(10);
      const lines = [
        { featureId: PLAIN_FEATURE, quantity: 1 },
        { featureId: "no_such", quantity: 1 },
        { featureId: PLAIN_FEATURE, quantity: 1_000 },
      ];
      await assertRefused(batch(batchOf(userId, { lines })), "FEATURE_NOT_FOUND");
      assert.equal((await service.bank.reader.findBalance(userId))?.held, 0n);
    });

    it("names the bad lines of a batch by their places", async () => {
      const lines = [
        { featureId: PLAIN_FEATURE, quantity: 1_001 },
        { featureId: PLAIN_FEATURE, quantity: undefined },
        { featureId: "!", quantity: -1 },
      ];
      const fields = ["lines[0].quantity", "lines[2].feature_id", "lines[2].quantity"];
      await assertBadFields(batch(batchOf("u1", { lines })), ...fields);
      const many = Array.from({ length: 21 }, () => ({ featureId: PLAIN_FEATURE }));
      await assertBadFields(batch(batchOf("u1", { lines: many })), "lines");
    });

    it("knows a key by its method: the same key may serve two methods", async () => {
      const userId = await service.bank.member(10);
      const idempotencyKey = unique("key");
      await reserve(reserveOf(userId, { idempotencyKey }));
      await batch(batchOf(userId, { idempotencyKey }));
    });
  });
}
