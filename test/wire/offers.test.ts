import assert from "node:assert/strict";
import {
  Approval,
  Approval_Kind,
  Campaign,
  OfferState,
  Pack,
} from "../../src/gen/billing/catalog/v1/catalog.ts";
import {
  CatalogServiceService as Catalog,
  ListApprovalsRequest,
} from "../../src/gen/billing/catalog/v1/catalog_service.ts";
import { Plan, Plan_Rollover } from "../../src/gen/billing/membership/v1/membership.ts";
import { MembershipServiceService as Membership } from "../../src/gen/billing/membership/v1/membership_service.ts";
import {
  GrantQuotaRequest,
  QuotaServiceService as Quota,
} from "../../src/gen/billing/quota/v1/quota_service.ts";
import { unique } from "../support/bank.ts";
import { assertBadFields, assertRefused } from "../support/calls.ts";
import { flavours } from "../support/servers.ts";
import { startTestService, type TestService } from "../support/service.ts";

const DAY_MS = 24 * 3_600_000;

type Partly<T extends { fromPartial(object: never): unknown }> = Parameters<T["fromPartial"]>[0];

for (const flavour of flavours()) {
  describe(`plans, packs and campaigns over the wire on ${flavour}`, () => {
    let service: TestService;
    before(async () => {
      service = await startTestService(flavour);
    });
    after(() => service.close());

    /** What every command has: a key of its own, and no preview. */
    const command = () => ({ idempotencyKey: unique("key"), validateOnly: false });
    const as = { as: "operator" };

    describe("plans", () => {
      const terms = (change: Partly<typeof Plan> = {}): Plan =>
        Plan.fromPartial({
          planId: unique("plan-"),
          displayName: "会员季卡",
          priceFen: 26_900n,
          periodMonths: 3,
          quotaAmount: 900n,
          quotaPriority: 50,
          rollover: Plan_Rollover.ONE_PERIOD,
          ...change,
        });
      const create = (plan: Plan, more = {}) =>
        service.call(Catalog.createPlanVersion, { ...command(), plan, ...more }, as);
      const publish = (planId: string, version = 1) =>
        service.call(Catalog.publishPlan, { ...command(), planId, version }, as);
      const retire = (planId: string) =>
        service.call(Catalog.retirePlan, { ...command(), planId, reason: "over" }, as);
      const listed = async (planId: string) =>
        (await service.call(Membership.listPlans, {})).plans.find((plan) => plan.planId === planId);

      it("are listed while they are for sale, in the version that is sold", async () => {
        const plan = terms();
        const { planId } = plan;
        assert.deepEqual((await create(plan)).plan, { ...plan, version: 1 });
        assert.equal(await listed(planId), undefined);
        assert.deepEqual((await publish(planId)).plan, { ...plan, version: 1 });
        await create({ ...plan, priceFen: 29_900n });
        assert.deepEqual(await listed(planId), { ...plan, version: 1 });
        await publish(planId, 2);
        assert.deepEqual(await listed(planId), { ...plan, priceFen: 29_900n, version: 2 });
        await retire(planId);
        assert.equal(await listed(planId), undefined);
        await assertRefused(retire(planId), "OFFER_STATE_INVALID", { offerId: planId });
      });

      it("that the reviewer fails are refused as OFFER_REVIEW_FAILED, with every finding", async () => {
        const { plan, findings } = await create(terms({ priceFen: 0n, periodDays: 9 }));
        assert.deepEqual(findings.map(({ ruleId, severity }) => [ruleId, severity]), [
          ["BG120", "FAIL"],
          ["BG122", "FAIL"],
        ]);
        const told = await assertRefused(publish(plan!.planId), "OFFER_REVIEW_FAILED", {
          offerId: plan!.planId,
          version: "1",
          rules: "BG120,BG122",
        });
        assert.deepEqual(told.violations.map(({ type }) => type), ["BG120", "BG122"]);
      });

      it("that registration needs can't be retired", async () => {
        const facts = { offerId: "trial", version: "1", state: "PUBLISHED" };
        await assertRefused(retire("trial"), "OFFER_STATE_INVALID", facts);
      });

      it("that are unknown are refused as OFFER_NOT_FOUND", async () => {
        await assertRefused(publish("no-such"), "OFFER_NOT_FOUND", { offerId: "no-such" });
        await assertRefused(retire("no-such"), "OFFER_NOT_FOUND", { offerId: "no-such" });
        // A pack of that name is no plan.
        await assertRefused(retire("quota-pack-100"), "OFFER_NOT_FOUND");
      });

      it("are written once for a key", async () => {
        const plan = terms();
        const key = { idempotencyKey: unique("key") };
        const answer = await create(plan, key);
        assert.deepEqual(await create(plan, key), { ...answer, replayed: true });
        const other = create({ ...plan, quotaAmount: 1n }, key);
        await assertRefused(other, "IDEMPOTENCY_KEY_REUSED", { field: "plan.quota_amount" });
      });

      it("report every bad field of their terms", async () => {
        const bad = {
          planId: "!",
          displayName: " ",
          priceFen: -1n,
          periodMonths: 121,
          periodDays: 3_651,
          quotaAmount: 0n,
          quotaPriority: 101,
          rollover: 9 as Plan_Rollover,
        };
        const fields = ["plan_id", "display_name", "price_fen", "period_months", "period_days"];
        const more = ["quota_amount", "quota_priority", "rollover"];
        const paths = [...fields, ...more].map((field) => `plan.${field}`);
        await assertBadFields(create(terms(bad)), ...paths);
        await assertBadFields(publish("!", 0), "plan_id", "version");
      });
    });

    describe("packs", () => {
      const terms = (change: Partly<typeof Pack> = {}): Pack =>
        Pack.fromPartial({
          packId: unique("pack-"),
          displayName: "加油包 50 点",
          priceFen: 2_100n,
          quotaAmount: 50n,
          quotaPriority: 60,
          validDays: 90,
          ...change,
        });
      const create = (pack: Pack) =>
        service.call(Catalog.createPackVersion, { ...command(), pack }, as);
      const publish = (packId: string, version = 1) =>
        service.call(Catalog.publishPack, { ...command(), packId, version }, as);
      const retire = (packId: string) =>
        service.call(Catalog.retirePack, { ...command(), packId, reason: "over" }, as);

      it("are listed while they are for sale, cheapest first", async () => {
        const pack = terms();
        const { packId } = pack;
        const list = async () => (await service.call(Catalog.listPacks, {})).packs;
        assert.deepEqual((await create(pack)).pack, { ...pack, version: 1 });
        assert.ok(!(await list()).some((one) => one.packId === packId));
        await publish(packId);
        const packs = await list();
        assert.deepEqual(packs.find((one) => one.packId === packId), { ...pack, version: 1 });
        const prices = packs.map(({ priceFen }) => Number(priceFen));
        assert.deepEqual(prices, prices.toSorted((left, right) => left - right));
        assert.equal((await retire(packId)).pack?.version, 1);
        assert.ok(!(await list()).some((one) => one.packId === packId));
      });

      it("are warned of when they never lapse or are cheap, and can be sold all the same", async () => {
        const pack = terms({ priceFen: 1n, validDays: 0 });
        const { findings } = await create(pack);
        assert.deepEqual(findings.map(({ ruleId, severity }) => [ruleId, severity]), [
          ["BG121", "WARN"],
          ["BG126", "WARN"],
        ]);
        assert.deepEqual((await publish(pack.packId)).findings, findings);
      });

      it("report every bad field of their terms", async () => {
        const bad = {
          packId: "",
          displayName: "",
          priceFen: 0n,
          quotaAmount: 0n,
          quotaPriority: -1,
          validDays: -1,
        };
        const fields = ["pack_id", "display_name", "price_fen", "quota_amount", "quota_priority", "valid_days"];
        await assertBadFields(create(terms(bad)), ...fields.map((field) => `pack.${field}`));
      });
    });

    describe("campaigns", () => {
      const terms = (change: Partly<typeof Campaign> = {}): Campaign =>
        Campaign.fromPartial({
          campaignId: unique("campaign-"),
          displayName: "开春赠送",
          quotaAmount: 10n,
          quotaPriority: 20,
          validDays: 7,
          startTime: new Date(Date.now() - DAY_MS),
          endTime: new Date(Date.now() + DAY_MS),
          budgetAmount: 25n,
          perUserLimit: 2,
          ...change,
        });
      const create = (campaign: Campaign) =>
        service.call(Catalog.createCampaignVersion, { ...command(), campaign }, as);
      const publish = (campaignId: string, version = 1) =>
        service.call(Catalog.publishCampaign, { ...command(), campaignId, version }, as);
      const end = (campaignId: string) =>
        service.call(Catalog.endCampaign, { ...command(), campaignId, reason: "enough" }, as);
      const ask = (approval: Partly<typeof Approval>) =>
        service.call(
          Catalog.requestApproval,
          { ...command(), approval: Approval.fromPartial({ reason: "needed", ...approval }) },
          as,
        );
      const forVersion = (campaignId: string, version = 1) => ({
        kind: Approval_Kind.CAMPAIGN,
        campaignVersion: { campaignId, version },
      });
      const approve = (approvalId: string, who = "operator-two") =>
        service.call(Catalog.approve, { ...command(), approvalId, note: "seen" }, { as: who });
      const running = async (change: Partly<typeof Campaign> = {}): Promise<string> => {
        const { campaignId } = (await create(terms(change))).campaign!;
        await approve((await ask(forVersion(campaignId))).approval!.approvalId);
        await publish(campaignId);
        return campaignId;
      };
      const redeem = (userId: string, campaignId: string, more = {}) =>
        service.call(
          Membership.redeemCampaign,
          { ...command(), userId, campaignId, ...more },
          { as: "storefront" },
        );
      const list = async (campaignId: string, includeAllVersions = false) => {
        const request = { campaignId, includeAllVersions };
        return (await service.call(Catalog.listCampaigns, request, { as: "auditor" })).campaigns;
      };
      const listed = async (campaignId: string) =>
        (await list("")).find((campaign) => campaign.campaignId === campaignId);

      it("are published once a second person agreed to that very version", async () => {
        const campaign = terms();
        const { campaignId } = campaign;
        const state = OfferState.DRAFT;
        assert.deepEqual((await create(campaign)).campaign, { ...campaign, version: 1, state });
        const facts = { subject: `campaign/${campaignId}/1` };
        await assertRefused(publish(campaignId), "APPROVAL_REQUIRED", facts);
        const { approval } = await ask(forVersion(campaignId));
        assert.deepEqual(approval?.campaignVersion, { campaignId, version: 1 });
        const own = approve(approval.approvalId, "operator");
        await assertRefused(own, "SELF_APPROVAL_FORBIDDEN");
        await approve(approval.approvalId);
        const { campaign: published } = await publish(campaignId);
        assert.equal(published?.state, OfferState.PUBLISHED);
        await create(campaign);
        await assertRefused(publish(campaignId, 2), "APPROVAL_REQUIRED");
        const kind = Approval_Kind.CAMPAIGN;
        const request = ListApprovalsRequest.fromPartial({ kind, pageSize: 1 });
        const { approvals } = await service.call(Catalog.listApprovals, request);
        assert.deepEqual(approvals.map((one) => one.campaignVersion), [{ campaignId, version: 1 }]);
      });

      it("are listed as they are in force, whatever newer draft there is, and in all versions when asked", async () => {
        const campaign = terms();
        const { campaignId } = campaign;
        const states = async (all: boolean) =>
          (await list(campaignId, all)).map(({ version, state }) => [version, state]);
        await create(campaign);
        assert.deepEqual(await states(false), [[1, OfferState.DRAFT]]);
        await approve((await ask(forVersion(campaignId))).approval!.approvalId);
        await publish(campaignId);
        await create(campaign);
        assert.deepEqual(await states(false), [[1, OfferState.PUBLISHED]]);
        const both = [
          [1, OfferState.PUBLISHED],
          [2, OfferState.DRAFT],
        ];
        assert.deepEqual(await states(true), both);
        await end(campaignId);
        assert.deepEqual(await states(false), [[2, OfferState.DRAFT]]);
        assert.equal((await listed(campaignId))?.version, 2);
        await assertBadFields(list("!"), "campaign_id");
        assert.deepEqual(await list("no-such"), []);
      });

      it("need a draft to be approved, and just what their kind is about", async () => {
        await assertRefused(ask(forVersion("no-such")), "OFFER_NOT_FOUND", { offerId: "no-such" });
        const campaignId = await running();
        const late = ask(forVersion(campaignId));
        await assertRefused(late, "OFFER_STATE_INVALID", { offerId: campaignId, state: "PUBLISHED" });
        const at = "approval.campaign_version";
        await assertBadFields(ask({ kind: Approval_Kind.CAMPAIGN }), at);
        await assertBadFields(ask(forVersion("!", 0)), `${at}.campaign_id`, `${at}.version`);
        const adjustment = { userId: "u", amount: 1n };
        await assertBadFields(ask({ ...forVersion("c"), adjustment }), "approval.adjustment");
        const kind = Approval_Kind.QUOTA_ADJUSTMENT;
        await assertBadFields(ask({ ...forVersion("c"), kind, adjustment }), at);
      });

      it("give what they say, within limit and budget, and say what they have given", async () => {
        const campaignId = await running();
        const [ann, bob] = [await service.bank.member(0), await service.bank.member(0)];
        const idempotencyKey = unique("key");
        const first = await redeem(ann, campaignId, { idempotencyKey });
        assert.deepEqual([first.grantedAmount, first.available, first.replayed], [10n, 10n, false]);
        const days = (first.expireTime!.getTime() - Date.now()) / DAY_MS;
        assert.ok(days > 6.9 && days <= 7.001, `${days}`);
        const again = await redeem(ann, campaignId, { idempotencyKey });
        assert.deepEqual(again, { ...first, replayed: true });
        const other = redeem(bob, campaignId, { idempotencyKey });
        await assertRefused(other, "IDEMPOTENCY_KEY_REUSED", { field: "user_id" });
        assert.equal((await redeem(bob, campaignId, { validateOnly: true })).available, 10n);
        assert.equal((await redeem(ann, campaignId)).available, 20n);
        const limit = { campaignId, userId: ann, max: "2" };
        await assertRefused(redeem(ann, campaignId), "CAMPAIGN_LIMIT_REACHED", limit);
        const budget = { campaignId, budget: "25", spent: "20" };
        await assertRefused(redeem(bob, campaignId), "CAMPAIGN_BUDGET_EXHAUSTED", budget);
        assert.equal((await listed(campaignId))?.spentAmount, 20n);
      });

      it("give by GrantQuota too, by the same rules", async () => {
        const campaignId = await running({ perUserLimit: 1 });
        const userId = await service.bank.member(0);
        const source = { $case: "campaignId" as const, value: campaignId };
        const grant = () => {
          const request = { idempotencyKey: unique("key"), userId, source };
          return service.call(Quota.grantQuota, GrantQuotaRequest.fromPartial(request));
        };
        const { grant: lot } = await grant();
        assert.deepEqual([lot?.sourceKind, lot?.sourceId, lot?.amount], ["CAMPAIGN", campaignId, 10n]);
        await assertRefused(grant(), "CAMPAIGN_LIMIT_REACHED", { campaignId, userId, max: "1" });
      });

      it("give nothing when they are unknown, not begun, over or ended", async () => {
        const userId = await service.bank.member(0);
        const unknown = redeem(userId, "no-such");
        await assertRefused(unknown, "CAMPAIGN_NOT_FOUND", { campaignId: "no-such" });
        const soon = await running({ startTime: new Date(Date.now() + DAY_MS / 2) });
        await assertRefused(redeem(userId, soon), "CAMPAIGN_NOT_RUNNING", { campaignId: soon });
        const past = await running({ endTime: new Date(Date.now() - 1) });
        await assertRefused(redeem(userId, past), "CAMPAIGN_NOT_RUNNING");
        const ended = await running();
        assert.equal((await end(ended)).campaign?.state, OfferState.RETIRED);
        await assertRefused(redeem(userId, ended), "CAMPAIGN_NOT_RUNNING");
        await assertRefused(redeem("nobody", ended), "USER_NOT_FOUND", { userId: "nobody" });
        await assertBadFields(redeem("!", "!"), "user_id", "campaign_id");
      });

      it("report every bad field of their terms", async () => {
        const now = new Date();
        const bad = {
          campaignId: "with:colon",
          displayName: "",
          quotaAmount: 0n,
          quotaPriority: 101,
          validDays: 0,
          startTime: now,
          endTime: now,
          budgetAmount: 0n,
          perUserLimit: 101,
        };
        const fields = ["campaign_id", "display_name", "quota_amount", "quota_priority", "valid_days"];
        const more = ["end_time", "budget_amount", "per_user_limit"];
        const paths = [...fields, ...more].map((field) => `campaign.${field}`);
        await assertBadFields(create(terms(bad)), ...paths);
        const long = create(terms({ campaignId: "c".repeat(60) }));
        await assertBadFields(long, "campaign.campaign_id");
        const times = create({ ...terms(), startTime: undefined, endTime: undefined });
        await assertBadFields(times, "campaign.start_time", "campaign.end_time");
      });
    });
  });
}
