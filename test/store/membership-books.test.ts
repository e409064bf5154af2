import assert from "node:assert/strict";
import type { MikroORM } from "@mikro-orm/mysql";
import { setFeatureAccess } from "../../src/billing/catalog/set-feature-access.ts";
import { DAY_MS } from "../../src/billing/clock.ts";
import type { FeatureId, UserId } from "../../src/billing/id.ts";
import type { MembershipFilter, MembershipReader } from "../../src/billing/membership/books.ts";
import { checkEntitlement } from "../../src/billing/membership/check-entitlement.ts";
import { getMembership } from "../../src/billing/membership/get-membership.ts";
import type { Membership } from "../../src/billing/membership/membership.ts";
import { registerUser } from "../../src/billing/membership/register-user.ts";
import { resumeUser, suspendUser } from "../../src/billing/membership/suspend-user.ts";
import { Refusal } from "../../src/billing/refusal.ts";
import { createCatalogBooks } from "../../src/store/catalog-books.ts";
import { createMembershipReader } from "../../src/store/membership-books.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { command, openBank, unique, type Bank } from "../support/bank.ts";
import { flavours } from "../support/servers.ts";

/** The trial that the seeded catalogue gives. */
const TRIAL_MS = 7 * DAY_MS;
const ALL: MembershipFilter = { state: null, userState: null };

for (const flavour of flavours()) {
  describe(`memberships on ${flavour}`, () => {
    let bank: Bank;
    let orm: MikroORM;
    let reader: MembershipReader;
    before(async () => {
      bank = await openBank(flavour);
      orm = await openOrm({ url: bank.url, poolMax: 4 });
      reader = createMembershipReader(orm, bank.context);
    });
    after(async () => {
      await closeOrm(orm);
      await bank.close();
    });

    const register = async () => {
      const userId = unique("member") as UserId;
      await bank.send(registerUser, { userId });
      return userId;
    };
    const list = (filter: MembershipFilter) =>
      reader.listMemberships(filter, { after: null, limit: 1_000 });
    const idsOf = (memberships: readonly Membership[]) => memberships.map(({ userId }) => userId);
    const entitlement = async (userId: UserId, featureId: string) => {
      const input = { userId, featureId: featureId as FeatureId };
      const { refusals, membership } = await checkEntitlement(bank.reader, input);
      assert.equal(membership?.userId, userId);
      return refusals.map(({ reason }) => reason);
    };

    it("begin with the trial and end with its last millisecond", async () => {
      const userId = await register();
      const begun = await getMembership(reader, userId);
      assert.equal(begun.expireTimeMs - begun.startTimeMs, TRIAL_MS);
      assert.equal(begun.createTimeMs, begun.startTimeMs);
      const { startTimeMs, expireTimeMs } = begun;
      const at = async (nowMs: number) => {
        const then = createMembershipReader(orm, { timeOf: () => nowMs });
        const [listed] = await then.listMemberships(
          { state: null, userState: null },
          { after: { userId: userId.slice(0, -1) as UserId }, limit: 1 },
        );
        const found = await getMembership(then, userId);
        assert.deepEqual(listed, found);
        return found.state;
      };
      assert.equal(await at(startTimeMs), "TRIAL");
      assert.equal(await at(expireTimeMs - 1), "TRIAL");
      assert.equal(await at(expireTimeMs), "LAPSED");
      await bank.sql(`update users set on_trial = 0 where user_id = '${userId}'`);
      assert.equal(await at(expireTimeMs - 1), "ACTIVE");
      assert.equal(await at(expireTimeMs), "LAPSED");
    });

    it("are not found for who was never registered", async () => {
      const stranger = getMembership(reader, "stranger" as UserId);
      await assert.rejects(stranger, (error) => {
        assert.ok(error instanceof Refusal);
        assert.deepEqual([error.reason, error.facts], ["USER_NOT_FOUND", { userId: "stranger" }]);
        return true;
      });
    });

    it("show who was suspended and why, until that is over", async () => {
      const userId = await register();
      await bank.send(suspendUser, { userId, reason: "chargebacks" });
      const suspended = await getMembership(reader, userId);
      const { userState, suspendReason, state } = suspended;
      assert.deepEqual([userState, suspendReason, state], ["SUSPENDED", "chargebacks", "TRIAL"]);
      assert.ok(idsOf(await list({ state: null, userState: "SUSPENDED" })).includes(userId));
      await bank.send(resumeUser, { userId, reason: "settled" });
      const resumed = await getMembership(reader, userId);
      assert.deepEqual([resumed.userState, resumed.suspendReason], ["ACTIVE", ""]);
    });

    it("are listed once each, page by page, in the order of their users' ids", async () => {
      for (let i = 0; i < 5; i++) await register();
      const all = await list(ALL);
      const paged: Membership[] = [];
      for (;;) {
        const page = await reader.listMemberships(ALL, { after: paged.at(-1) ?? null, limit: 2 });
        paged.push(...page);
        if (page.length < 2) break;
      }
      assert.ok(all.length >= 5);
      assert.deepEqual(paged, all);
      assert.deepEqual(idsOf(all), [...idsOf(all)].sort());
    });

    it("are each in one state, so that the lists of all states make up the whole", async () => {
      const paying = await register();
      await bank.sql(`update users set on_trial = 0 where user_id = '${paying}'`);
      const late = await register();
      await bank.sql(
        `update users set membership_until = utc_timestamp(3) where user_id = '${late}'`,
      );
      const lists = await Promise.all(
        (["TRIAL", "ACTIVE", "LAPSED"] as const).map((state) => list({ state, userState: null })),
      );
      const [, active, lapsed] = lists.map(idsOf);
      assert.ok(active!.includes(paying) && lapsed!.includes(late));
      assert.deepEqual(lists.flatMap(idsOf).sort(), idsOf(await list(ALL)));
    });

    it("entitle members to what is open to them, and tell every reason why not", async () => {
      const userId = await register();
      assert.deepEqual(await entitlement(userId, "ai_model_tryon"), []);
      assert.deepEqual(await entitlement(userId, "garment_video_preview"), [
        "FEATURE_ACCESS_DENIED",
      ]);
      assert.deepEqual(await entitlement(userId, "runway_video_generation"), [
        "FEATURE_NOT_PUBLISHED",
      ]);
      assert.deepEqual(await entitlement(userId, "nobody_knows"), ["FEATURE_NOT_FOUND"]);
      await bank.send(suspendUser, { userId, reason: "chargebacks" });
      await bank.sql(
        `update users set membership_until = utc_timestamp(3) where user_id = '${userId}'`,
      );
      assert.deepEqual(await entitlement(userId, "garment_video_preview"), [
        "USER_SUSPENDED",
        "MEMBERSHIP_REQUIRED",
        "FEATURE_ACCESS_DENIED",
      ]);
    });

    it("entitle who is on a feature's list, from the moment that it is changed", async () => {
      const userId = await register();
      const featureId = "garment_video_preview" as FeatureId;
      const books = createCatalogBooks(orm, bank.context);
      const nobody: UserId[] = [];
      const put = { featureId, addUserIds: [userId], removeUserIds: nobody };
      await books.serve(setFeatureAccess, command(put));
      assert.deepEqual(await entitlement(userId, featureId), []);
      const take = { featureId, addUserIds: nobody, removeUserIds: [userId] };
      await books.serve(setFeatureAccess, command(take));
      assert.deepEqual(await entitlement(userId, featureId), ["FEATURE_ACCESS_DENIED"]);
    });

    it("entitle nobody who is unknown", async () => {
      const input = { userId: "stranger" as UserId, featureId: "ai_model_tryon" as FeatureId };
      const { refusals, membership } = await checkEntitlement(bank.reader, input);
      assert.deepEqual([refusals.map(({ reason }) => reason), membership], [
        ["USER_NOT_FOUND"],
        null,
      ]);
    });
  });
}
