/** A campaign's budget that others hold, its last moment, and the names of what it gives. */
import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { MikroORM } from "@mikro-orm/mysql";
import { createConnection, type Connection } from "mysql2/promise";
import type { Campaign } from "../../src/billing/catalog/campaign.ts";
import { approve } from "../../src/billing/catalog/decide-approval.ts";
import { campaignChanges } from "../../src/billing/catalog/offer-changes.ts";
import { requestApproval } from "../../src/billing/catalog/request-approval.ts";
import { HOUR_MS } from "../../src/billing/clock.ts";
import type { CampaignId, UserId } from "../../src/billing/id.ts";
import { redeemCampaign } from "../../src/billing/membership/redeem-campaign.ts";
import { suspendUser } from "../../src/billing/membership/suspend-user.ts";
import { grantQuota } from "../../src/billing/quota/grant-quota.ts";
import { Refusal } from "../../src/billing/refusal.ts";
import { createCatalogBooks } from "../../src/store/catalog-books.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { command, openBank, unique, type Bank } from "../support/bank.ts";
import { bookFaults } from "../support/books.ts";
import { flavours } from "../support/servers.ts";

/** So that a blocked row is told of soon. */
const SHORT_WAIT = "set session innodb_lock_wait_timeout = 1";
const DAY_LATE_MS = 24 * HOUR_MS;

for (const flavour of flavours()) {
  describe(`campaigns under lock on ${flavour}`, () => {
    let bank: Bank;
    let second: Bank;
    let impatient: Bank;
    let orm: MikroORM;
    let blocker: Connection;
    before(async () => {
      bank = await openBank(flavour, { lanes: 1 });
      const { url } = bank;
      second = await openBank(flavour, { url });
      const prepare = async (query: (sql: string) => Promise<unknown>) => void (await query(SHORT_WAIT));
      impatient = await openBank(flavour, { url, lanes: 1, prepare });
      orm = await openOrm({ url, poolMax: 2 });
      blocker = await createConnection(url);
    });
    afterEach(async () => {
      await blocker.query("rollback");
      assert.deepEqual(await bookFaults(bank.sql), []);
    });
    after(async () => {
      await blocker.end();
      await closeOrm(orm);
      for (const each of [impatient, second, bank]) await each.close();
    });

    /** A campaign in force, as two people made it. */
    const running = async (more: Partial<Campaign> = {}): Promise<Campaign> => {
      const books = createCatalogBooks(orm, bank.context);
      const terms: Campaign = {
        campaignId: unique("campaign-") as CampaignId,
        version: 1,
        displayName: "开春赠送",
        quotaAmount: 3n,
        quotaPriority: 20,
        validDays: 7,
        startTimeMs: Date.now() - HOUR_MS,
        endTimeMs: Date.now() + HOUR_MS,
        budgetAmount: 1_000n,
        perUserLimit: 1,
        ...more,
      };
      const { campaignId } = terms;
      await books.serve(campaignChanges.create, command(terms));
      const campaignVersion = { campaignId, version: 1 };
      const asked = command({ matter: { kind: "CAMPAIGN", campaignVersion } as const, reason: "x" });
      const { approvalId } = (await books.serve(requestApproval, asked)).answer.approval;
      const caller = { name: "bob" };
      await books.serve(approve, { ...command({ approvalId, note: "fine" }), caller });
      await books.serve(campaignChanges.publish, command({ offerId: campaignId, version: 1 }));
      return terms;
    };
    const redeem = (userId: UserId, { campaignId }: Campaign, at = bank) =>
      at.send(redeemCampaign, { userId, campaignId });
    const grant = (userId: UserId, { campaignId }: Campaign) =>
      bank.send(grantQuota, { userId, source: { kind: "CAMPAIGN", id: campaignId } });
    const reason = (promise: Promise<unknown>): Promise<string> =>
      promise.then(
        () => "none",
        (error: unknown) => {
          if (error instanceof Refusal) return error.reason;
          throw error;
        },
      );
    const block = async ({ campaignId }: Campaign): Promise<void> => {
      await blocker.query("begin");
      const sql = "select * from campaign_budgets where campaign_id = ? for update";
      await blocker.query(sql, [campaignId]);
    };
    const untilSomebodyWaits = async (): Promise<void> => {
      const sql = `select count(*) as n from information_schema.processlist
        where db = database() and info like 'select campaign_id%from campaign_budgets%for update%'`;
      while (Number((await bank.sql(sql))[0]!["n"]) === 0);
    };
    const end = ({ campaignId }: Campaign) => {
      const books = createCatalogBooks(orm, bank.context);
      const ended = command({ offerId: campaignId, reason: "enough" });
      return books.serve(campaignChanges.end, ended);
    };
    const redemptionsOf = async ({ campaignId }: Campaign): Promise<number> => {
      const sql = `select count(*) as n from campaign_redemptions where campaign_id = '${campaignId}'`;
      return Number((await bank.sql(sql))[0]!["n"]);
    };
    const sourcesOf = async (userId: UserId) => {
      const sql = `select source_id from quota_grants where user_id = '${userId}'
        and source_kind = 'CAMPAIGN' order by grant_id`;
      return (await bank.sql(sql)).map((row) => row["source_id"]);
    };

    it("are over at their end, also for who waited for the budget when it came", async () => {
      const campaign = await running();
      const userId = await bank.member(0);
      await block(campaign);
      const late = reason(redeem(userId, campaign));
      await untilSomebodyWaits();
      bank.advance(DAY_LATE_MS);
      await blocker.query("rollback");
      assert.equal(await late, "CAMPAIGN_NOT_RUNNING");
      bank.advance(-DAY_LATE_MS);
      assert.equal(await reason(redeem(userId, campaign)), "none");
    });

    it("are ended only when nobody has their budget any more", async () => {
      const campaign = await running();
      await block(campaign);
      const ended = end(campaign);
      const first = await Promise.race([
        ended.then(() => "it is ended"),
        untilSomebodyWaits().then(() => "somebody waits"),
      ]);
      assert.equal(first, "somebody waits");
      await blocker.query("rollback");
      assert.equal((await ended).answer.version.state, "RETIRED");
      assert.equal(await reason(redeem(await bank.member(0), campaign)), "CAMPAIGN_NOT_RUNNING");
    });

    it("give nothing once their end was answered, and never more than their budget, on two servers at once", async () => {
      const users = await Promise.all(Array.from({ length: 60 }, () => bank.member(0)));
      for (const budgetAmount of [60n, 1_000n]) {
        const campaign = await running({ budgetAmount });
        const wanted = users.flatMap((userId) =>
          [bank, second].map((at) => async () => reason(redeem(userId, campaign, at))),
        );
        const outcomes: Promise<string>[] = [];
        const ending = (async () => {
          // It comes in the middle of them.
          while ((await redemptionsOf(campaign)) === 0);
          await end(campaign);
          return redemptionsOf(campaign);
        })();
        for (const want of wanted) {
          outcomes.push(want());
          await nextTurn();
        }
        const given = await ending;
        const told = await Promise.all(outcomes);
        assert.equal(await redemptionsOf(campaign), given);
        assert.equal(told.filter((one) => one === "none").length, given);
        assert.ok(BigInt(given) * campaign.quotaAmount <= budgetAmount);
        assert.equal(await reason(redeem(await bank.member(0), campaign)), "CAMPAIGN_NOT_RUNNING");
      }
    });

    it("keep nobody else waiting while somebody holds a budget: ACCOUNT_BUSY", async () => {
      const [held, free] = [await running(), await running()];
      const users = await Promise.all(Array.from({ length: 12 }, () => bank.member(5)));
      await block(held);
      const outcomes = await Promise.all(
        users.map((userId, at) => {
          if (at % 3 === 0) return reason(redeem(userId, held, impatient));
          if (at % 3 === 1) return reason(redeem(userId, free, impatient));
          return reason(impatient.reserve(userId));
        }),
      );
      const wanted = users.map((_, at) => (at % 3 === 0 ? "ACCOUNT_BUSY" : "none"));
      assert.deepEqual(outcomes, wanted);
      const unknown = { ...held, campaignId: unique("none") as CampaignId };
      assert.equal(await reason(redeem(users[0]!, unknown, impatient)), "CAMPAIGN_NOT_FOUND");
      await blocker.query("rollback");
      assert.equal(await reason(redeem(users[0]!, held, impatient)), "none");
    });

    it("give one user as often as they allow, on two servers at once, each time another source", async () => {
      const campaign = await running({ perUserLimit: 3 });
      const userId = await bank.member(0);
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, at) => reason(redeem(userId, campaign, at % 2 ? bank : second))),
      );
      assert.equal(outcomes.filter((one) => one === "none").length, 3);
      assert.equal(outcomes.filter((one) => one === "CAMPAIGN_LIMIT_REACHED").length, 17);
      const { campaignId } = campaign;
      const sources = [campaignId, `${campaignId}:2`, `${campaignId}:3`];
      assert.deepEqual(new Set(await sourcesOf(userId)), new Set(sources));
    });

    it("with the longest name give a user all that they may", async () => {
      const campaignId = unique("c".repeat(50)).padEnd(59, "x") as CampaignId;
      const campaign = await running({ campaignId, perUserLimit: 100 });
      const userId = await bank.member(0);
      const outcomes = await Promise.all(
        Array.from({ length: 100 }, () => reason(redeem(userId, campaign))),
      );
      assert.deepEqual(new Set(outcomes), new Set(["none"]));
      assert.equal(new Set(await sourcesOf(userId)).size, 100);
    });

    it("take nothing from their budget for a preview", async () => {
      const campaign = await running({ budgetAmount: 3n });
      const { campaignId } = campaign;
      const [userId, other] = [await bank.member(0), await bank.member(0)];
      const preview = await bank.send(redeemCampaign, { userId, campaignId }, { validateOnly: true });
      assert.equal(preview.answer.available, 3n);
      // Both in one batch: the second one finds what the first has left, which is all of it.
      const both = await Promise.all([
        reason(bank.send(redeemCampaign, { userId, campaignId }, { validateOnly: true })),
        reason(redeem(other, campaign)),
      ]);
      assert.deepEqual(both, ["none", "none"]);
      assert.equal(await reason(redeem(userId, campaign)), "CAMPAIGN_BUDGET_EXHAUSTED");
    });

    it("give by GrantQuota just as by RedeemCampaign: one budget, one limit, the same refusals", async () => {
      const campaign = await running({ perUserLimit: 2, budgetAmount: 8n });
      const [userId, other] = [await bank.member(0), await bank.member(0)];
      const { answer } = await grant(userId, campaign);
      const { lot, balance } = answer;
      assert.deepEqual([lot.amount, lot.sourceKind, lot.sourceId], [3n, "CAMPAIGN", campaign.campaignId]);
      assert.equal(balance.available, 3n);
      assert.equal(await reason(redeem(userId, campaign)), "none");
      assert.equal(await reason(grant(userId, campaign)), "CAMPAIGN_LIMIT_REACHED");
      assert.equal(await reason(grant(other, campaign)), "CAMPAIGN_BUDGET_EXHAUSTED");
      const unknown = { ...campaign, campaignId: unique("none") as CampaignId };
      assert.equal(await reason(grant(other, unknown)), "CAMPAIGN_NOT_FOUND");
      await bank.send(suspendUser, { userId: other, reason: "a test" });
      assert.equal(await reason(grant(other, campaign)), "USER_SUSPENDED");
    });

    it("leave redemptions that nobody can change or remove", async () => {
      const campaign = await running();
      await redeem(await bank.member(0), campaign);
      for (const sql of ["update campaign_redemptions set amount = 0", "delete from campaign_redemptions"]) {
        await assert.rejects(bank.sql(sql), /append-only/);
      }
    });
  });
}
