/** The catalogue in force, kept in memory until its revision changes. */
import type { EntityManager } from "@mikro-orm/mysql";
import type { Feature } from "../billing/catalog/feature.ts";
import type { Pack } from "../billing/catalog/pack.ts";
import type { Plan } from "../billing/catalog/plan.ts";
import type { Products } from "../billing/catalog/products.ts";
import type { FeatureId, PackId, PlanId } from "../billing/id.ts";
import { readFeature, readPack, readPlan } from "./catalog-rows.ts";
import type { Catalog } from "./quota-batch.ts";
import type { Row } from "./cell.ts";

/**
 * Gives the catalogue at a revision that was just read, and loads it only when that isn't the
 * revision loaded last. A load in the middle of a change may see more than its revision; the next
 * revision then loads again.
 */
export function createCatalogCache(): (em: EntityManager, revision: bigint) => Promise<Catalog> {
  let kept: { readonly revision: bigint; readonly catalog: Catalog } | undefined;
  return async (em, revision) => {
    if (kept?.revision === revision) return kept.catalog;
    const catalog = await loadPublished(em);
    kept = { revision, catalog };
    return catalog;
  };
}

/** @throws Error when no plan is the trial's: the database was never seeded */
export async function loadPublished(em: EntityManager): Promise<Catalog> {
  const inForce = await em.execute<Row[]>("select * from features where state = 'PUBLISHED'");
  const known = await em.execute<Row[]>("select distinct feature_id from features");
  const trialSql = "select * from plans where trial = 1 and state = 'PUBLISHED' order by create_time desc, plan_id limit 1";
  const [trial] = await em.execute<Row[]>(trialSql);
  if (trial === undefined) throw new Error("no plan is the trial's: seed the catalogue first");
  const features = new Map<FeatureId, Feature | "unpublished">();
  for (const row of known) features.set(row["feature_id"] as FeatureId, "unpublished");
  for (const row of inForce) features.set(row["feature_id"] as FeatureId, readFeature(row));
  return {
    features: { find: (featureId) => features.get(featureId) },
    trialPlan: readPlan(trial),
    products: await loadProducts(em),
  };
}

/** The newest version for sale of each product; one that has none is known, and not sold. */
async function loadProducts(em: EntityManager): Promise<Products> {
  const plans = new Map<PlanId, Plan | "not-for-sale">();
  for (const row of await em.execute<Row[]>("select * from plans order by plan_id, version")) {
    const plan = readPlan(row);
    if (row["state"] === "PUBLISHED") plans.set(plan.planId, plan);
    else if (!plans.has(plan.planId)) plans.set(plan.planId, "not-for-sale");
  }
  const packs = new Map<PackId, Pack | "not-for-sale">();
  for (const row of await em.execute<Row[]>("select * from packs order by pack_id, version")) {
    const pack = readPack(row);
    if (row["state"] === "PUBLISHED") packs.set(pack.packId, pack);
    else if (!packs.has(pack.packId)) packs.set(pack.packId, "not-for-sale");
  }
  return { findPlan: (planId) => plans.get(planId), findPack: (packId) => packs.get(packId) };
}
