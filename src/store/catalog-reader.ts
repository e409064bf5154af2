/** Reads of the catalogue: as committed, nothing locked, each by an index. */
import type { MikroORM } from "@mikro-orm/mysql";
import type { CatalogReader } from "../billing/catalog/books.ts";
import { readApproval, readFeature, readPack, readPlan } from "./catalog-rows.ts";
import { toBigInt, type Row } from "./cell.ts";
import { readVersion } from "./offer-books.ts";
import { pipelineReads } from "./pipeline-reader.ts";
import { literal } from "./sql.ts";
import { reading } from "./transaction.ts";

/** Offers are there to be compared by people: far fewer than these. */
const OFFERS_MAX = 500;

export function createCatalogReader(orm: MikroORM): CatalogReader {
  const rows = (sql: string): Promise<Row[]> => reading(orm, (em) => em.execute<Row[]>(sql));
  return {
    ...pipelineReads(rows),
    async findFeature(featureId, version) {
      const ofFeature = `from features where feature_id = ${literal(featureId)}`;
      const chosen = version === 0 ? "state = 'PUBLISHED'" : `version = ${literal(version)}`;
      const [row] = await rows(`select * ${ofFeature} and ${chosen}`);
      if (row !== undefined) return readFeature(row);
      if (version !== 0) return undefined;
      const any = await rows(`select 1 ${ofFeature} limit 1`);
      return any.length > 0 ? "unpublished" : undefined;
    },
    async listFeatures({ featureId, state }, { after, limit }) {
      const conditions = ["true"];
      if (featureId !== null) conditions.push(`feature_id = ${literal(featureId)}`);
      if (state !== null) conditions.push(`state = ${literal(state)}`);
      if (after !== null) {
        const id = literal(after.featureId);
        conditions.push(`feature_id >= ${id}`);
        conditions.push(`(feature_id > ${id} or version > ${literal(after.version)})`);
      }
      const found = await rows(
        `select * from features where ${conditions.join(" and ")}
          order by feature_id, version limit ${limit}`,
      );
      return found.map(readFeature);
    },
    async findApproval(approvalId) {
      const sql = `select * from approvals where approval_id = ${literal(approvalId)}`;
      const [row] = await rows(sql);
      return row && readApproval(row);
    },
    async listApprovals({ state, kind }, { after, limit }) {
      const conditions = ["true"];
      if (state !== null) conditions.push(`state = ${literal(state)}`);
      if (kind !== null) conditions.push(`kind = ${literal(kind)}`);
      if (after !== null) conditions.push(`approval_id < ${literal(after.approvalId)}`);
      const found = await rows(
        `select * from approvals where ${conditions.join(" and ")}
          order by approval_id desc limit ${limit}`,
      );
      return found.map(readApproval);
    },
    async listPacks() {
      const sql = `select * from packs where state = 'PUBLISHED' order by price_fen, pack_id limit ${OFFERS_MAX}`;
      return (await rows(sql)).map(readPack);
    },
    async listCampaigns({ campaignId, allVersions }) {
      const conditions = ["true"];
      if (campaignId !== null) conditions.push(`campaign_id = ${literal(campaignId)}`);
      // A draft must not hide what is in force.
      const chosen = `c.version = (select version from campaigns l where l.campaign_id = c.campaign_id
        order by state = 'PUBLISHED' desc, version desc limit 1)`;
      if (!allVersions) conditions.push(chosen);
      const found = await rows(
        `select c.*, b.spent_amount from campaigns c join campaign_budgets b using (campaign_id)
          where ${conditions.join(" and ")} order by campaign_id, version limit ${OFFERS_MAX}`,
      );
      return found.map((row) => ({
        version: readVersion("CAMPAIGN", row),
        spentAmount: toBigInt(row["spent_amount"]),
      }));
    },
    async listPlans() {
      const sql = `select * from plans where state = 'PUBLISHED' order by price_fen, plan_id limit ${OFFERS_MAX}`;
      return (await rows(sql)).map(readPlan);
    },
  };
}
