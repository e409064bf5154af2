/** Plans, packs and campaigns as the catalogue's books keep them. */
import type { EntityManager } from "@mikro-orm/mysql";
import { LockMode } from "@mikro-orm/core";
import {
  offerSubject,
  type OfferFile,
  type OfferKind,
  type OfferState,
  type OfferTerms,
  type OfferVersion,
} from "../billing/catalog/offer.ts";
import { toMs, type Row } from "./cell.ts";
import { readCampaign, readPack, readPlan } from "./catalog-rows.ts";
import { literal } from "./sql.ts";
import { CampaignBudgetTable, CampaignTable, PackTable, PlanTable } from "./tables.ts";

/** Where each kind is kept. */
const KEPT = {
  PLAN: { table: PlanTable, name: "plans", key: "planId", column: "plan_id", read: readPlan },
  PACK: { table: PackTable, name: "packs", key: "packId", column: "pack_id", read: readPack },
  CAMPAIGN: {
    table: CampaignTable,
    name: "campaigns",
    key: "campaignId",
    column: "campaign_id",
    read: readCampaign,
  },
} as const;

/**
 * The versions of an offer, locked. The catalogue's lock is held; a campaign's budget is locked before its versions,
 * as whoever redeems it does: what was redeemed meanwhile is committed, and what comes later sees the change.
 */
export async function openOffer(
  em: EntityManager,
  { kind, offerId, version = 0 }: { kind: OfferKind; offerId: string; version?: number },
): Promise<OfferFile | undefined> {
  const { table, key } = KEPT[kind];
  if (kind === "CAMPAIGN") await lockBudget(em, offerId);
  const rows = await em
    .createQueryBuilder(table as typeof PlanTable)
    .select("*")
    .where({ [key]: offerId })
    .orderBy({ version: "asc" })
    .setLockMode(LockMode.PESSIMISTIC_WRITE)
    .execute<Row[]>("all", false);
  if (rows.length === 0) return undefined;
  const versions = rows.map((row) => readVersion(kind, row));
  return {
    lastVersion: versions.at(-1)!.terms.version,
    inForce: versions.find(({ state }) => state === "PUBLISHED"),
    named: versions.find(({ terms }) => terms.version === version),
    approved: await isApproved(em, offerSubject(kind, { offerId, version })),
    isOnlyTrial: kind === "PLAN" && (await isOnlyTrial(em, offerId)),
  };
}

async function lockBudget(em: EntityManager, campaignId: string): Promise<void> {
  const named = `where campaign_id = ${literal(campaignId)}`;
  await em.execute(`select campaign_id from campaign_budgets ${named} for update`);
}

export function readVersion<Kind extends OfferKind>(kind: Kind, row: Row): OfferVersion<Kind> {
  return {
    kind,
    terms: KEPT[kind].read(row) as OfferTerms[Kind],
    state: row["state"] as OfferState,
    createTimeMs: toMs(row["create_time"]),
  };
}

async function isOnlyTrial(em: EntityManager, planId: string): Promise<boolean> {
  const sql = "select distinct plan_id from plans where trial = 1 and state = 'PUBLISHED'";
  const trials = (await em.execute<Row[]>(sql)).map((row) => row["plan_id"]);
  return trials.length === 1 && trials[0] === planId;
}

async function isApproved(em: EntityManager, subject: string): Promise<boolean> {
  const rows = await em.execute<Row[]>(
    `select 1 from approvals where subject = ${literal(subject)}
      and kind = 'CAMPAIGN' and state = 'APPROVED' limit 1`,
  );
  return rows.length > 0;
}

/** Terms are written once; only what happens to a version changes. */
export async function writeOffer(em: EntityManager, offer: OfferVersion): Promise<void> {
  const { kind, terms, state, createTimeMs } = offer;
  const { table, name, column, key } = KEPT[kind];
  if (state !== "DRAFT") {
    const id = literal((terms as unknown as Record<string, string>)[key]!);
    await em.execute(
      `update ${name} set state = ${literal(state)}
        where ${column} = ${id} and version = ${literal(terms.version)}`,
      [],
      "run",
    );
    return;
  }
  await em.insert(table as typeof PlanTable, rowOf(offer, createTimeMs) as never);
  if (kind !== "CAMPAIGN" || terms.version > 1) return;
  const { campaignId } = terms as OfferTerms["CAMPAIGN"];
  await em.insert(CampaignBudgetTable, { campaignId, spentAmount: 0n });
}

function rowOf({ kind, terms, state }: OfferVersion, createTimeMs: number) {
  const createTime = new Date(createTimeMs);
  if (kind !== "CAMPAIGN") return { ...terms, state, createTime };
  const { startTimeMs, endTimeMs, ...rest } = terms as OfferTerms["CAMPAIGN"];
  return {
    ...rest,
    startTime: new Date(startTimeMs),
    endTime: new Date(endTimeMs),
    state,
    createTime,
  };
}
