/** Reads of the catalogue: as committed, nothing locked, each by an index. */
import type { MikroORM } from "@mikro-orm/mysql";
import type { CatalogReader } from "../billing/catalog/books.ts";
import { readApproval, readFeature, readPlan } from "./catalog-rows.ts";
import type { Row } from "./cell.ts";
import { literal } from "./sql.ts";
import { reading } from "./transaction.ts";

/** Plans are offers that people compare: far fewer than these. */
const PLANS_MAX = 500;

export function createCatalogReader(orm: MikroORM): CatalogReader {
  const rows = (sql: string): Promise<Row[]> => reading(orm, (em) => em.execute<Row[]>(sql));
  return {
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
    async listPlans() {
      const sql = `select * from plans order by price_fen, plan_id limit ${PLANS_MAX}`;
      return (await rows(sql)).map(readPlan);
    },
  };
}
