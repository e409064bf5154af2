import assert from "node:assert/strict";
import {
  Approval,
  Approval_Kind,
  Feature,
  Feature_AccessScope,
  Feature_State,
} from "../../src/gen/billing/catalog/v1/catalog.ts";
import {
  CatalogServiceService as Catalog,
  GetFeatureRequest,
  ListFeaturesRequest,
  type SetFeatureAccessRequest,
} from "../../src/gen/billing/catalog/v1/catalog_service.ts";
import { QuotaServiceService as Quota } from "../../src/gen/billing/quota/v1/quota_service.ts";
import { unique } from "../support/bank.ts";
import { assertBadFields, assertRefused } from "../support/calls.ts";
import { reserveOf } from "../support/requests.ts";
import { flavours } from "../support/servers.ts";
import { startTestService, type TestService } from "../support/service.ts";

type PartialFeature = Parameters<typeof Feature.fromPartial>[0];
type PartialApproval = Parameters<typeof Approval.fromPartial>[0];

for (const flavour of flavours()) {
  describe(`CatalogService over the wire on ${flavour}`, () => {
    let service: TestService;
    before(async () => {
      service = await startTestService(flavour);
    });
    after(() => service.close());

    /** What every command has: a key of its own, and no preview. */
    const command = () => ({ idempotencyKey: unique("key"), validateOnly: false });
    const termsOf = (change: PartialFeature = {}): Feature =>
      Feature.fromPartial({
        featureId: unique("feature"),
        displayName: "图片调色",
        quotaCost: 1n,
        category: "image",
        accessScope: Feature_AccessScope.MEMBER,
        rateLimitPolicy: { maxPerHour: 600, maxPerDay: 5_000 },
        ...change,
      });
    const create = (change: PartialFeature = {}, more: { readonly idempotencyKey?: string } = {}) =>
      service.call(
        Catalog.createFeatureVersion,
        { ...command(), feature: termsOf(change), ...more },
        { as: "operator" },
      );
    const publish = (featureId: string, version: number) =>
      service.call(
        Catalog.publishFeature,
        { ...command(), featureId, version },
        { as: "operator" },
      );
    const retire = (featureId: string, reason = "replaced") =>
      service.call(Catalog.retireFeature, { ...command(), featureId, reason }, { as: "operator" });
    const ask = (approval: PartialApproval, as = "operator") =>
      service.call(
        Catalog.requestApproval,
        { ...command(), approval: Approval.fromPartial({ reason: "needed", ...approval }) },
        { as },
      );
    const decide = (way: "approve" | "reject", approvalId: string, as = "operator-two") =>
      service.call(Catalog[way], { ...command(), approvalId, note: "seen" }, { as });
    const forFree = (featureId: string, version = 1) => ({
      kind: Approval_Kind.ZERO_COST_FEATURE,
      featureVersion: { featureId, version },
    });

    describe("features", () => {
      it("go from draft to force to retirement, each version apart", async () => {
        const { feature } = await create({ launchPlan: "first\nsecond" });
        const featureId = feature!.featureId;
        assert.deepEqual([feature?.version, feature?.state], [1, Feature_State.DRAFT]);
        assert.equal(feature?.createdBy, "operator");
        assert.equal((await publish(featureId, 1)).feature?.state, Feature_State.PUBLISHED);
        await create({ featureId, quotaCost: 3n });
        const second = await publish(featureId, 2);
        assert.ok(second.feature?.publishTime);
        const get = (version: number) =>
          service.call(Catalog.getFeature, GetFeatureRequest.create({ featureId, version }));
        assert.equal((await get(1)).feature?.state, Feature_State.SUPERSEDED);
        assert.equal((await get(0)).feature?.quotaCost, 3n);
        const userId = await service.bank.member(20);
        const held = await service.call(Quota.reserveQuota, reserveOf(userId, { featureId }));
        assert.deepEqual([held.reservation?.amount, held.reservation?.featureVersion], [3n, 2]);
        assert.equal((await retire(featureId)).feature?.state, Feature_State.RETIRED);
        await assertRefused(get(0), "FEATURE_NOT_PUBLISHED", { featureId });
      });

      it("are written once for a key, and the findings come with the answer", async () => {
        const featureId = unique("feature");
        const idempotencyKey = unique("key");
        const change = { featureId, category: "video", quotaCost: 2n };
        const answer = await create(change, { idempotencyKey });
        assert.ok(
          answer.findings.some(({ severity, ruleId }) => severity === "WARN" && ruleId !== ""),
        );
        assert.deepEqual(await create(change, { idempotencyKey }), { ...answer, replayed: true });
        const facts = { field: "feature.quota_cost" };
        const other = create({ ...change, quotaCost: 9n }, { idempotencyKey });
        await assertRefused(other, "IDEMPOTENCY_KEY_REUSED", facts);
      });

      it("that are unknown are refused as FEATURE_NOT_FOUND", async () => {
        await assertRefused(publish("no_such", 1), "FEATURE_NOT_FOUND", { featureId: "no_such" });
        await assertRefused(retire("no_such"), "FEATURE_NOT_FOUND");
        const get = GetFeatureRequest.create({ featureId: "no_such" });
        await assertRefused(service.call(Catalog.getFeature, get), "FEATURE_NOT_FOUND");
        const access = {
          ...command(),
          featureId: "no_such",
          addUserIds: ["u1"],
          removeUserIds: [],
        };
        await assertRefused(service.call(Catalog.setFeatureAccess, access), "FEATURE_NOT_FOUND");
        await assertRefused(ask(forFree("no_such")), "FEATURE_NOT_FOUND");
      });

      it("that are published already are refused as FEATURE_STATE_INVALID", async () => {
        const { feature } = await create();
        const { featureId } = feature!;
        await publish(featureId, 1);
        const facts = { featureId, version: "1", state: "PUBLISHED" };
        await assertRefused(publish(featureId, 1), "FEATURE_STATE_INVALID", facts);
        await assertRefused(ask(forFree(featureId)), "FEATURE_STATE_INVALID", facts);
      });

      it("that were never in force can't be retired: FEATURE_NOT_PUBLISHED", async () => {
        const { feature } = await create();
        await assertRefused(retire(feature!.featureId), "FEATURE_NOT_PUBLISHED");
      });

      it("that the reviewer fails are refused as REVIEW_FAILED, with every finding", async () => {
        const { feature, findings } = await create({ highCost: true, rateLimitPolicy: undefined });
        const failed = findings.filter(({ severity }) => severity === "FAIL");
        assert.ok(failed.length > 0, "the reviewer fails a costly feature without any limit");
        const told = await assertRefused(publish(feature!.featureId, 1), "REVIEW_FAILED");
        assert.deepEqual(
          told.violations.map(({ type }) => type),
          failed.map(({ ruleId }) => ruleId),
        );
      });

      it("that cost nothing need a second person: APPROVAL_REQUIRED", async () => {
        const { feature } = await create({ quotaCost: 0n });
        const { featureId } = feature!;
        const facts = { subject: `feature/${featureId}/1` };
        await assertRefused(publish(featureId, 1), "APPROVAL_REQUIRED", facts);
        const { approval } = await ask(forFree(featureId));
        await decide("approve", approval!.approvalId);
        assert.equal((await publish(featureId, 1)).feature?.state, Feature_State.PUBLISHED);
      });

      it("report every bad field of their terms", async () => {
        const bad = {
          featureId: "-",
          displayName: "",
          quotaCost: 1_000_001n,
          category: "Video",
          accessScope: 7 as Feature_AccessScope,
          launchPlan: "x".repeat(1_001),
          rateLimitPolicy: {
            maxPerHour: -1,
            maxPerDay: 10_001,
            cooldownSeconds: 86_401,
            maxInFlight: 1_001,
          },
        };
        const fields = [
          "feature_id",
          "display_name",
          "quota_cost",
          "category",
          "access_scope",
          "launch_plan",
        ];
        const limits = ["max_per_hour", "max_per_day", "cooldown_seconds", "max_in_flight"];
        await assertBadFields(
          create(bad),
          ...fields.map((field) => `feature.${field}`),
          ...limits.map((limit) => `feature.rate_limit_policy.${limit}`),
        );
      });

      it("are listed by id and version: those in force, in one state, or all", async () => {
        const { feature } = await create();
        const { featureId } = feature!;
        await create({ featureId });
        await publish(featureId, 1);
        const list = async (request: Parameters<typeof ListFeaturesRequest.fromPartial>[0]) => {
          const asked = ListFeaturesRequest.fromPartial(request);
          return (await service.call(Catalog.listFeatures, asked)).features.map(
            ({ version }) => version,
          );
        };
        assert.deepEqual(await list({ featureId }), [1]);
        assert.deepEqual(await list({ featureId, state: Feature_State.DRAFT }), [2]);
        assert.deepEqual(await list({ featureId, includeAllStates: true }), [1, 2]);
        const seen: string[] = [];
        let pageToken = "";
        do {
          const asked = ListFeaturesRequest.fromPartial({
            includeAllStates: true,
            pageSize: 3,
            pageToken,
          });
          const page = await service.call(Catalog.listFeatures, asked);
          seen.push(...page.features.map((found) => `${found.featureId} ${found.version}`));
          pageToken = page.nextPageToken;
        } while (pageToken !== "");
        assert.equal(new Set(seen).size, seen.length);
        assert.ok(seen.includes(`${featureId} 2`) && seen.includes("ai_video_generation 1"));
        await assertBadFields(
          list({ state: Feature_State.DRAFT, includeAllStates: true }),
          "state",
        );
      });
    });

    describe("SetFeatureAccess", () => {
      const set = (change: Partial<SetFeatureAccessRequest>) =>
        service.call(
          Catalog.setFeatureAccess,
          {
            ...command(),
            featureId: "garment_video_preview",
            addUserIds: [],
            removeUserIds: [],
            ...change,
          },
          { as: "operator" },
        );

      it("puts users on the list and takes them off", async () => {
        const [one, two] = [unique("user"), unique("user")];
        const before = (await set({})).userCount;
        assert.equal((await set({ addUserIds: [one, two] })).userCount, before + 2n);
        assert.equal((await set({ removeUserIds: [one, two, "stranger"] })).userCount, before);
      });

      it("refuses a user in both lists, more than 500, and bad ids by their places", async () => {
        await assertBadFields(
          set({ addUserIds: ["a", "b"], removeUserIds: ["b"] }),
          "remove_user_ids",
        );
        const many = Array.from({ length: 501 }, (_, at) => `u${at}`);
        await assertBadFields(
          set({ addUserIds: many, removeUserIds: many }),
          "add_user_ids",
          "remove_user_ids",
        );
        await assertBadFields(set({ addUserIds: ["a", "", "c"] }), "add_user_ids[1]");
      });
    });
  });
}
