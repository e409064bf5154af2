/** Campaigns that a batch's commands redeem, under their budgets' locks, and what the batch writes of them. */
import type { EntityManager } from "@mikro-orm/mysql";
import type { CampaignId, UserId } from "../billing/id.ts";
import type { BatchCampaign, BatchWrites, Ticket } from "../billing/quota/serve.ts";
import type { LockWay } from "./quota-batch.ts";
import { timeText, toBigInt, type ColumnTypes, type HotTable, ID, type Row } from "./cell.ts";
import { readCampaign } from "./catalog-rows.ts";
import { insertSql, listSql, updateSql } from "./sql.ts";

/** The campaigns of a batch, and those whose budgets another transaction has locked, where none is waited for. */
interface LoadedCampaigns {
  readonly campaigns: Map<CampaignId, BatchCampaign>;
  readonly locked: ReadonlySet<CampaignId>;
}

/**
 * Locks the budgets after the users, in the order of the campaigns' ids: batches that lock both kinds always do
 * so in the same order and can't wait for each other in a ring. To be called before the time is read: a wait
 * for a budget must not carry a redemption over the campaign's end.
 */
export async function loadCampaigns(
  em: EntityManager,
  tickets: readonly Ticket[],
  way: LockWay,
): Promise<LoadedCampaigns> {
  const found = new Map<CampaignId, BatchCampaign>();
  const ids = new Set<CampaignId>();
  const users = new Set<UserId>();
  for (const { useCase, command, userId } of tickets) {
    const { campaignId } = useCase.needs(command.input);
    if (campaignId === undefined) continue;
    ids.add(campaignId);
    if (userId !== undefined) users.add(userId);
  }
  if (ids.size === 0) return { campaigns: found, locked: new Set() };
  const named = `where campaign_id in (${listSql([...ids].sort())})`;
  const budgets = await em.execute<Row[]>(
    `select campaign_id, spent_amount from campaign_budgets ${named} order by campaign_id
      for update ${way === "wait" ? "" : "skip locked"}`,
  );
  for (const row of budgets) {
    const spentAmount = toBigInt(row["spent_amount"]);
    const campaignId = row["campaign_id"] as CampaignId;
    found.set(campaignId, { inForce: undefined, spentAmount, redeemed: new Map() });
  }
  for (const row of await em.execute<Row[]>(
    `select * from campaigns ${named} and state = 'PUBLISHED'`,
  )) {
    const inForce = readCampaign(row);
    const campaign = found.get(inForce.campaignId);
    if (campaign) campaign.inForce = inForce;
  }
  const locked = way === "wait" ? new Set<CampaignId>() : await findLocked(em, ids, found);
  if (users.size === 0) return { campaigns: found, locked };
  const counts = `select campaign_id, user_id, count(*) as n from campaign_redemptions
    ${named} and user_id in (${listSql(users)}) group by campaign_id, user_id`;
  for (const row of await em.execute<Row[]>(counts)) {
    const campaign = found.get(row["campaign_id"] as CampaignId);
    campaign?.redeemed.set(row["user_id"] as UserId, Number(row["n"]));
  }
  return { campaigns: found, locked };
}

/** Campaigns that are there and weren't found: another transaction has their budgets. */
async function findLocked(
  em: EntityManager,
  ids: ReadonlySet<CampaignId>,
  found: ReadonlyMap<CampaignId, BatchCampaign>,
): Promise<Set<CampaignId>> {
  const missing = [...ids].filter((campaignId) => !found.has(campaignId));
  if (missing.length === 0) return new Set();
  const sql = `select campaign_id from campaign_budgets where campaign_id in (${listSql(missing)})`;
  return new Set((await em.execute<Row[]>(sql)).map((row) => row["campaign_id"] as CampaignId));
}

const BUDGETS: HotTable = { name: "campaign_budgets", columns: ["campaign_id", "spent_amount"] };
const BUDGET_KEY: ColumnTypes = { campaign_id: ID };
const BUDGET_COLUMNS: ColumnTypes = { spent_amount: "bigint" };
const REDEMPTIONS: HotTable = {
  name: "campaign_redemptions",
  columns: ["campaign_id", "user_id", "number", "grant_id", "amount", "create_time"],
};

export async function flushCampaigns(
  em: EntityManager,
  { redemptions }: BatchWrites,
  campaigns: ReadonlyMap<CampaignId, BatchCampaign>,
  nowMs: number,
): Promise<void> {
  if (redemptions.length === 0) return;
  const now = timeText(nowMs);
  const rows = redemptions.map((each) => [
    each.campaignId,
    each.userId,
    each.number,
    each.grantId,
    each.amount,
    now,
  ]);
  await em.execute(insertSql(REDEMPTIONS, rows), [], "run");
  const moved = [...new Set(redemptions.map(({ campaignId }) => campaignId))];
  const spent = moved.map((id) => [id, campaigns.get(id)!.spentAmount]);
  await em.execute(updateSql(BUDGETS, BUDGET_KEY, BUDGET_COLUMNS, spent), [], "run");
}
