import assert from "node:assert/strict";
import type { MikroORM } from "@mikro-orm/mysql";
import type { CatalogBooks, CatalogReader } from "../../src/billing/catalog/books.ts";
import type { OfferVersion } from "../../src/billing/catalog/offer.ts";
import { campaignChanges, packChanges, planChanges } from "../../src/billing/catalog/offer-changes.ts";
import type { Campaign } from "../../src/billing/catalog/campaign.ts";
import type { CatalogUseCase } from "../../src/billing/catalog/desk.ts";
import type { Pack } from "../../src/billing/catalog/pack.ts";
import type { Plan } from "../../src/billing/catalog/plan.ts";
import type { CampaignId, PackId, PlanId } from "../../src/billing/id.ts";
import { registerUser } from "../../src/billing/membership/register-user.ts";
import { placeOrder } from "../../src/billing/order/place-order.ts";
import { Refusal, type Reason } from "../../src/billing/refusal.ts";
import { createCatalogBooks } from "../../src/store/catalog-books.ts";
import { loadPublished } from "../../src/store/catalog-cache.ts";
import { createCatalogReader } from "../../src/store/catalog-reader.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { command, openBank, unique, type Bank, type SendOptions } from "../support/bank.ts";
import { flavours } from "../support/servers.ts";

const refused =
  (reason: Reason, facts: Record<string, string> = {}) =>
  (error: unknown) => {
    assert.ok(error instanceof Refusal, String(error));
    assert.equal(error.reason, reason);
    for (const [key, value] of Object.entries(facts)) assert.equal(error.facts[key], value);
    return true;
  };

const times = <T>(count: number, make: (at: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, at) => make(at)));

const planTerms = (change: Partial<Plan> = {}): Plan => ({
  planId: unique("plan-") as PlanId,
  version: 0,
  displayName: "会员季卡",
  priceFen: 26_900n,
  periodMonths: 3,
  periodDays: 0,
  quotaAmount: 900n,
  quotaPriority: 50,
  rollover: "ONE_PERIOD",
  trial: false,
  ...change,
});
const trialTerms = (change: Partial<Plan> = {}): Plan =>
  planTerms({ priceFen: 0n, periodMonths: 0, periodDays: 3, quotaAmount: 5n, trial: true, ...change });
const packTerms = (change: Partial<Pack> = {}): Pack => ({
  packId: unique("pack-") as PackId,
  version: 0,
  displayName: "加油包 50 点",
  priceFen: 2_100n,
  quotaAmount: 50n,
  quotaPriority: 60,
  validDays: 90,
  ...change,
});
const campaignTerms = (change: Partial<Campaign> = {}): Campaign => ({
  campaignId: unique("campaign-") as CampaignId,
  version: 0,
  displayName: "开春赠送",
  quotaAmount: 10n,
  quotaPriority: 20,
  validDays: 7,
  startTimeMs: Date.UTC(2026, 11, 1),
  endTimeMs: Date.UTC(2027, 0, 1),
  budgetAmount: 1_000n,
  perUserLimit: 1,
  ...change,
});

for (const flavour of flavours()) {
  describe(`plans, packs and campaigns in the books on ${flavour}`, () => {
    let bank: Bank;
    let orm: MikroORM;
    let books: CatalogBooks;
    let reader: CatalogReader;
    before(async () => {
      bank = await openBank(flavour);
      orm = await openOrm({ url: bank.url, poolMax: 10 });
      books = createCatalogBooks(orm, bank.context);
      reader = createCatalogReader(orm);
    });
    after(async () => {
      await closeOrm(orm);
      await bank.close();
    });

    const send = <Input, Answer>(
      useCase: CatalogUseCase<Input, Answer>,
      input: Input,
      more: SendOptions = {},
    ) => books.serve(useCase, command(input, more));
    const draft = async (plan: Plan): Promise<OfferVersion<"PLAN">> =>
      (await send(planChanges.create, plan)).answer.version;
    const publish = (offerId: string, version: number, more: SendOptions = {}) =>
      send(planChanges.publish, { offerId, version }, more);
    const retire = (offerId: string, more: SendOptions = {}) =>
      send(planChanges.end, { offerId, reason: "over" }, more);
    const statesOf = async (planId: PlanId) => {
      const sql = `select state from plans where plan_id = '${planId}' order by version`;
      return (await bank.sql(sql)).map((row) => row["state"]);
    };
    const inForce = async () => loadPublished(orm.em.fork());
    const countAll = async () => {
      const tables = ["plans", "packs", "campaigns", "campaign_budgets", "audit_events", "operations"];
      const sql = tables.map((name) => `select '${name}' as name, count(*) as n from ${name}`);
      const rows = await bank.sql(sql.join(" union all "));
      const [revision] = await bank.sql("select revision from catalog_revisions");
      return [...rows.map((row) => [row["name"], Number(row["n"])]), Number(revision!["revision"])];
    };

    it("go from draft to force to retirement, and the till sees just the version in force", async () => {
      const terms = planTerms();
      const { planId } = terms;
      const sold = async () => (await inForce()).products.findPlan(planId);
      assert.equal(await sold(), undefined);
      assert.deepEqual((await draft(terms)).terms, { ...terms, version: 1 });
      assert.equal(await sold(), "not-for-sale");
      await publish(planId, 1);
      assert.deepEqual(await sold(), { ...terms, version: 1 });
      await draft({ ...terms, priceFen: 28_900n });
      assert.equal((await sold() as Plan).priceFen, 26_900n);
      await publish(planId, 2);
      assert.deepEqual(await sold(), { ...terms, priceFen: 28_900n, version: 2 });
      const listed = (await reader.listPlans()).filter((plan) => plan.planId === planId);
      assert.deepEqual(listed.map(({ version }) => version), [2]);
      await retire(planId);
      assert.equal(await sold(), "not-for-sale");
      assert.deepEqual(await statesOf(planId), ["SUPERSEDED", "RETIRED"]);
    });

    it("give back packs and campaigns as they were written", async () => {
      const pack = packTerms();
      await send(packChanges.create, pack);
      await send(packChanges.publish, { offerId: pack.packId, version: 1 });
      assert.deepEqual((await inForce()).products.findPack(pack.packId), { ...pack, version: 1 });
      assert.ok((await reader.listPacks()).some(({ packId }) => packId === pack.packId));
      await send(packChanges.end, { offerId: pack.packId, reason: "over" });
      assert.equal((await inForce()).products.findPack(pack.packId), "not-for-sale");
      const campaign = campaignTerms();
      const { answer } = await send(campaignChanges.create, campaign);
      assert.deepEqual(answer.version.terms, { ...campaign, version: 1 });
      const { campaignId } = campaign;
      const listed = await reader.listCampaigns({ campaignId, allVersions: false });
      assert.deepEqual(listed, [{ version: answer.version, spentAmount: 0n }]);
    });

    it("number versions without gap or double when 20 are written at once", async () => {
      const terms = planTerms();
      const written = await times(20, () => draft(terms));
      const versions = written.map((version) => version.terms.version).sort((a, b) => a - b);
      assert.deepEqual(versions, Array.from({ length: 20 }, (_, at) => at + 1));
    });

    it("leave one version in force when 8 are published at once", async () => {
      const terms = planTerms();
      const drafts = await times(8, () => draft(terms));
      await Promise.all(drafts.map((one) => publish(terms.planId, one.terms.version)));
      const states = await statesOf(terms.planId);
      assert.equal(states.filter((state) => state === "PUBLISHED").length, 1);
      assert.equal(states.filter((state) => state === "SUPERSEDED").length, 7);
    });

    it("write once for one key sent 10 times at once, and give all the same answer", async () => {
      const key = unique("key");
      const terms = packTerms();
      const served = await times(10, () => send(packChanges.create, terms, { key }));
      assert.equal(served.filter(({ replayed }) => !replayed).length, 1);
      for (const { answer } of served) assert.deepEqual(answer, served[0]!.answer);
    });

    it("refuse a key that comes with other content, and name the first field that differs", async () => {
      const plan = planTerms();
      const others: [string, Partial<Plan>][] = [
        ["plan.plan_id", { planId: "other" as PlanId, trial: true }],
        ["plan.display_name", { displayName: "年卡", priceFen: 1n }],
        ["plan.price_fen", { priceFen: 1n, quotaAmount: 1n }],
        ["plan.period_months", { periodMonths: 12, periodDays: 5 }],
        ["plan.period_days", { periodDays: 5 }],
        ["plan.quota_amount", { quotaAmount: 1n }],
        ["plan.quota_priority", { quotaPriority: 1, trial: true }],
        ["plan.trial", { trial: true, rollover: "NONE" }],
        ["plan.rollover", { rollover: "NONE" }],
      ];
      const key = unique("key");
      await send(planChanges.create, plan, { key });
      for (const [field, change] of others) {
        await assert.rejects(
          send(planChanges.create, { ...plan, ...change }, { key }),
          refused("IDEMPOTENCY_KEY_REUSED", { method: "CreatePlanVersion", field }),
        );
      }
      const campaign = campaignTerms();
      await send(campaignChanges.create, campaign, { key });
      for (const [field, change] of [
        ["campaign.valid_days", { validDays: 8, endTimeMs: 1 }],
        ["campaign.start_time", { startTimeMs: 1, endTimeMs: 2 }],
        ["campaign.end_time", { endTimeMs: 2, perUserLimit: 9 }],
        ["campaign.budget_amount", { budgetAmount: 1n, perUserLimit: 9 }],
        ["campaign.per_user_limit", { perUserLimit: 9 }],
      ] as [string, Partial<Campaign>][]) {
        await assert.rejects(
          send(campaignChanges.create, { ...campaign, ...change }, { key }),
          refused("IDEMPOTENCY_KEY_REUSED", { method: "CreateCampaignVersion", field }),
        );
      }
    });

    it("answer a preview as if, and write nothing", async () => {
      const terms = planTerms();
      await draft(terms);
      const before = await countAll();
      const preview = { validateOnly: true };
      const next = await send(planChanges.create, terms, preview);
      assert.equal(next.answer.version.terms.version, 2);
      assert.equal((await publish(terms.planId, 1, preview)).answer.version.state, "PUBLISHED");
      await send(campaignChanges.create, campaignTerms(), preview);
      assert.deepEqual(await countAll(), before);
    });

    it("leave one audit event for each change: by whom, from what, to what, and why", async () => {
      const { packId } = packTerms();
      await send(packChanges.create, packTerms({ packId }));
      await send(packChanges.publish, { offerId: packId, version: 1 });
      await send(packChanges.end, { offerId: packId, reason: "too cheap" });
      const rows = await bank.sql(
        `select * from audit_events where subject = 'pack/${packId}/1' order by event_id`,
      );
      const states = rows.map((row) => {
        const [before, after] = [row["state_before"], row["state_after"]].map((text) =>
          text === "" ? "" : (JSON.parse(text as string) as { state: string }).state,
        );
        return [row["action"], row["actor"], before, after, row["reason"]];
      });
      assert.deepEqual(states, [
        ["CreatePackVersion", "test", "", "DRAFT", ""],
        ["PublishPack", "test", "", "PUBLISHED", ""],
        ["RetirePack", "test", "PUBLISHED", "RETIRED", "too cheap"],
      ]);
    });

    it("refuse what the reviewer fails, what is unknown, and what is no draft", async () => {
      const free = planTerms({ priceFen: 0n });
      await draft(free);
      await assert.rejects(
        publish(free.planId, 1),
        refused("OFFER_REVIEW_FAILED", { offerId: free.planId, version: "1", rules: "BG120" }),
      );
      const { planId } = await draft(planTerms()).then(({ terms }) => terms);
      await publish(planId, 1);
      const published = { offerId: planId, version: "1", state: "PUBLISHED" };
      await assert.rejects(publish(planId, 1), refused("OFFER_STATE_INVALID", published));
      await assert.rejects(publish(planId, 2), refused("OFFER_NOT_FOUND", { offerId: planId }));
      await assert.rejects(retire("nobody-knows"), refused("OFFER_NOT_FOUND"));
      await retire(planId);
      await assert.rejects(retire(planId), refused("OFFER_STATE_INVALID"));
    });

    it("keep a trial in force, whatever is asked for, so that users can be registered", async () => {
      const trial = (await inForce()).trialPlan;
      const { planId } = trial;
      await assert.rejects(retire(planId), refused("OFFER_STATE_INVALID", { offerId: planId }));
      const sold = await draft({ ...planTerms(), planId });
      await assert.rejects(
        publish(planId, sold.terms.version),
        refused("OFFER_REVIEW_FAILED", { rules: "BG127" }),
      );
      // Another version of the trial takes its place.
      const longer = await draft({ ...trial, periodDays: 9 });
      await publish(planId, longer.terms.version);
      assert.equal((await inForce()).trialPlan.periodDays, 9);
      // With another one in force the first may go, and what registration gives changes at once.
      const second = await draft(trialTerms());
      await publish(second.terms.planId, 1);
      await retire(planId);
      assert.equal((await inForce()).trialPlan.planId, second.terms.planId);
      await assert.rejects(retire(second.terms.planId), refused("OFFER_STATE_INVALID"));
      const userId = unique("user") as never;
      assert.equal((await bank.send(registerUser, { userId })).answer.grantedAmount, 5n);
    });

    it("leave one trial at least when both are retired at the same moment", async () => {
      const [one, two] = [trialTerms(), trialTerms()];
      for (const terms of [one, two]) {
        await draft(terms);
        await publish(terms.planId, 1);
      }
      const trials = "select plan_id from plans where trial = 1 and state = 'PUBLISHED'";
      const ids = (await bank.sql(trials)).map((row) => row["plan_id"] as string);
      const outcomes = await Promise.allSettled(ids.map((planId) => retire(planId)));
      assert.equal(outcomes.filter(({ status }) => status === "rejected").length, 1);
      assert.equal((await bank.sql(trials)).length, 1);
    });

    it("change nothing for orders that were made before", async () => {
      const terms = planTerms();
      const { planId } = terms;
      await draft(terms);
      await publish(planId, 1);
      const userId = await bank.member(0);
      const ordered = async () => {
        const input = {
          userId,
          product: { planId },
          quantity: 1,
          channel: "NATIVE",
          payerOpenid: null,
          clientIp: null,
        } as const;
        const { orderId } = (await bank.send(placeOrder, input)).answer;
        const sql = `select product_version, amount_fen from orders where order_id = '${orderId}'`;
        return async () => Object.values((await bank.sql(sql))[0]!).map(Number);
      };
      const first = await ordered();
      await draft({ ...terms, priceFen: 30_000n });
      await publish(planId, 2);
      const second = await ordered();
      assert.deepEqual([await first(), await second()], [[1, 26_900], [2, 30_000]]);
      await retire(planId);
      assert.deepEqual(await first(), [1, 26_900]);
      await assert.rejects(ordered(), refused("PRODUCT_NOT_FOR_SALE", { productId: planId }));
    });
  });
}
