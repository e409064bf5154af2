import assert from "node:assert/strict";
import { requestApproval } from "../../src/billing/catalog/request-approval.ts";
import { approve } from "../../src/billing/catalog/decide-approval.ts";
import { campaignChanges } from "../../src/billing/catalog/offer-changes.ts";
import type { Campaign } from "../../src/billing/catalog/campaign.ts";
import { DAY_MS, HOUR_MS } from "../../src/billing/clock.ts";
import type { CampaignId, UserId } from "../../src/billing/id.ts";
import { redeemCampaign } from "../../src/billing/membership/redeem-campaign.ts";
import { suspendUser } from "../../src/billing/membership/suspend-user.ts";
import { Refusal } from "../../src/billing/refusal.ts";
import { createCatalogBooks } from "../../src/store/catalog-books.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { command, openBank, unique, type Bank } from "../support/bank.ts";
import { flavours } from "../support/servers.ts";
import type { MikroORM } from "@mikro-orm/mysql";
import type { CatalogBooks } from "../../src/billing/catalog/books.ts";

for (const flavour of flavours()) {
  describe(`campaigns on ${flavour}`, () => {
    let bank: Bank;
    let second: Bank;
    let orm: MikroORM;
    let books: CatalogBooks;
    before(async () => {
      bank = await openBank(flavour);
      second = await openBank(flavour, { url: bank.url });
      orm = await openOrm({ url: bank.url, poolMax: 4 });
      books = createCatalogBooks(orm, bank.context);
    });
    after(async () => {
      await closeOrm(orm);
      await second.close();
      await bank.close();
    });

    const terms = (more: Partial<Campaign> = {}): Campaign => ({
      campaignId: unique("campaign-") as CampaignId,
      version: 0,
      displayName: "双十一赠送",
      quotaAmount: 10n,
      quotaPriority: 20,
      validDays: 7,
      startTimeMs: Date.now() - HOUR_MS,
      endTimeMs: Date.now() + 30 * DAY_MS,
      budgetAmount: 1_000n,
      perUserLimit: 1,
      ...more,
    });
    const as = (name: string) => ({ name });
    const draft = (given: Campaign) => books.serve(campaignChanges.create, command(given));
    const allow = async (offerId: string, version = 1) => {
      const matter = {
        kind: "CAMPAIGN",
        campaignVersion: { campaignId: offerId as CampaignId, version },
      } as const;
      const asked = { ...command({ matter, reason: "a test" }), caller: as("ada") };
      const { answer } = await books.serve(requestApproval, asked);
      const { approvalId } = answer.approval;
      await books.serve(approve, { ...command({ approvalId, note: "fine" }), caller: as("bob") });
    };
    const publish = (offerId: string, version = 1) =>
      books.serve(campaignChanges.publish, command({ offerId, version }));
    const running = async (more: Partial<Campaign> = {}): Promise<CampaignId> => {
      const given = terms(more);
      await draft(given);
      await allow(given.campaignId);
      await publish(given.campaignId);
      return given.campaignId;
    };
    const redeem = (userId: UserId, campaignId: CampaignId, key?: string, at = bank) =>
      at.send(redeemCampaign, { userId, campaignId }, key === undefined ? {} : { key });
    const reason = (promise: Promise<unknown>): Promise<string> =>
      promise.then(
        () => "none",
        (error: unknown) => {
          if (error instanceof Refusal) return error.reason;
          throw error;
        },
      );

    it("need the approval of a second person to be published", async () => {
      const given = terms();
      await draft(given);
      assert.equal(await reason(publish(given.campaignId)), "APPROVAL_REQUIRED");
      await allow(given.campaignId);
      const { answer } = await publish(given.campaignId);
      assert.equal(answer.version.state, "PUBLISHED");
      assert.equal(await reason(publish(given.campaignId)), "OFFER_STATE_INVALID");
      assert.equal(await reason(publish("no-such-campaign")), "OFFER_NOT_FOUND");
    });

    it("can't be published with a budget that is too small for one", async () => {
      const given = terms({ quotaAmount: 10n, budgetAmount: 9n });
      await draft(given);
      await allow(given.campaignId);
      assert.equal(await reason(publish(given.campaignId)), "OFFER_REVIEW_FAILED");
    });

    it("give once for one key, and as often as they allow one user", async () => {
      const campaignId = await running({ perUserLimit: 2 });
      const userId = await bank.member(0);
      const key = unique("once");
      const first = await redeem(userId, campaignId, key);
      const again = await redeem(userId, campaignId, key);
      assert.deepEqual([first.replayed, again.replayed], [false, true]);
      assert.deepEqual(again.answer, first.answer);
      assert.equal(first.answer.available, 10n);
      assert.equal((await redeem(userId, campaignId)).answer.available, 20n);
      assert.equal(await reason(redeem(userId, campaignId)), "CAMPAIGN_LIMIT_REACHED");
    });

    it("give nothing before their time, after it, when ended, or to whom they may not", async () => {
      const userId = await bank.member(0);
      const early = await running({ startTimeMs: Date.now() + DAY_MS });
      assert.equal(await reason(redeem(userId, early)), "CAMPAIGN_NOT_RUNNING");
      const late = await running({ startTimeMs: 0, endTimeMs: Date.now() - DAY_MS });
      assert.equal(await reason(redeem(userId, late)), "CAMPAIGN_NOT_RUNNING");
      const ended = await running();
      await books.serve(campaignChanges.end, command({ offerId: ended, reason: "enough" }));
      assert.equal(await reason(redeem(userId, ended)), "CAMPAIGN_NOT_RUNNING");
      const unknown = unique("none") as CampaignId;
      assert.equal(await reason(redeem(userId, unknown)), "CAMPAIGN_NOT_FOUND");
      const open = await running();
      assert.equal(await reason(redeem(unique("stranger") as UserId, open)), "USER_NOT_FOUND");
      await bank.send(suspendUser, { userId, reason: "a test" });
      assert.equal(await reason(redeem(userId, open)), "USER_SUSPENDED");
    });

    it("give exactly their budget to 500 who want it at once, on two servers", async () => {
      const campaignId = await running({ quotaAmount: 7n, budgetAmount: 705n });
      const users = await Promise.all(Array.from({ length: 250 }, () => bank.member(0)));
      const outcomes = await Promise.all(
        users.flatMap((userId) =>
          [bank, second].map((at) => reason(redeem(userId, campaignId, undefined, at))),
        ),
      );
      assert.equal(outcomes.filter((outcome) => outcome === "none").length, 100);
      const [row] = await bank.sql(
        `select spent_amount as spent, (select sum(amount) from campaign_redemptions where campaign_id = '${campaignId}') as given,
          (select sum(amount) from quota_grants where source_kind = 'CAMPAIGN' and source_id like '${campaignId}%') as lots
          from campaign_budgets where campaign_id = '${campaignId}'`,
      );
      assert.deepEqual([row!["spent"], row!["given"], row!["lots"]].map(Number), [700, 700, 700]);
      const refused = new Set(outcomes.filter((outcome) => outcome !== "none"));
      for (const each of refused) {
        assert.ok(["CAMPAIGN_BUDGET_EXHAUSTED", "CAMPAIGN_LIMIT_REACHED"].includes(each), each);
      }
    });

    it("keep one budget over their versions", async () => {
      const campaignId = await running({ quotaAmount: 600n, budgetAmount: 1_000n });
      await redeem(await bank.member(0), campaignId);
      await draft({ ...terms({ quotaAmount: 500n, budgetAmount: 1_100n }), campaignId });
      await allow(campaignId, 2);
      await publish(campaignId, 2);
      const { answer } = await redeem(await bank.member(0), campaignId);
      assert.equal(answer.grantedAmount, 500n);
      const last = await bank.member(0);
      assert.equal(await reason(redeem(last, campaignId)), "CAMPAIGN_BUDGET_EXHAUSTED");
    });
  });
}
