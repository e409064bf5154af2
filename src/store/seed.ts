/** The starting catalogue: what a new installation sells, and enough to try everything out. */
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import { createFeatureVersion } from "../billing/catalog/create-feature-version.ts";
import type { FeatureTerms, RateLimitPolicy } from "../billing/catalog/feature.ts";
import { getFeature } from "../billing/catalog/get-feature.ts";
import type { Pack } from "../billing/catalog/pack.ts";
import type { Plan } from "../billing/catalog/plan.ts";
import { publishFeature } from "../billing/catalog/publish-feature.ts";
import { createIdSource, type FeatureId, type PackId, type PlanId } from "../billing/id.ts";
import type { Row } from "./cell.ts";
import { createCatalogBooks } from "./catalog-books.ts";
import { createCatalogReader } from "./catalog-reader.ts";
import { packRow, planRow } from "./catalog-rows.ts";
import { PackTable, PlanTable } from "./tables.ts";
import { inTransaction } from "./transaction.ts";

/** Who stands in the audit trail for what was seeded. */
const SEEDER = { name: "billing-guard-seed" };

const PLANS: readonly Plan[] = [
  {
    planId: "trial" as PlanId,
    version: 1,
    displayName: "试用会员",
    priceFen: 0n,
    periodMonths: 0,
    periodDays: 7,
    quotaAmount: 20n,
    // What lapses first and cost nothing is used first.
    quotaPriority: 10,
    rollover: "NONE",
    trial: true,
  },
  {
    planId: "membership-monthly" as PlanId,
    version: 1,
    displayName: "会员月卡",
    priceFen: 9_900n,
    periodMonths: 1,
    periodDays: 0,
    quotaAmount: 300n,
    quotaPriority: 50,
    rollover: "NONE",
    trial: false,
  },
];

const PACKS: readonly Pack[] = [
  {
    packId: "quota-pack-100" as PackId,
    version: 1,
    displayName: "加油包 100 点",
    priceFen: 3_900n,
    quotaAmount: 100n,
    // What lives longest is used last.
    quotaPriority: 60,
    validDays: 90,
  },
];

interface SeededFeature extends FeatureTerms {
  /** False: left as a draft. */
  readonly publish: boolean;
}

const ORDINARY = {
  highCost: false,
  category: "image",
  accessScope: "MEMBER",
  launchPlan: "",
  publish: true,
} as const;

const FEATURES: readonly SeededFeature[] = [
  {
    ...ORDINARY,
    featureId: "ai_video_generation" as FeatureId,
    displayName: "AI 视频生成",
    quotaCost: 5n,
    highCost: true,
    category: "video",
    rateLimitPolicy: limits(3, 10, 600),
  },
  {
    ...ORDINARY,
    featureId: "ai_model_tryon" as FeatureId,
    displayName: "AI 模特试衣",
    quotaCost: 2n,
    highCost: true,
    rateLimitPolicy: limits(30, 100, 10),
  },
  {
    ...ORDINARY,
    featureId: "fabric_pattern_generation" as FeatureId,
    displayName: "面料图案生成",
    quotaCost: 2n,
    highCost: true,
    rateLimitPolicy: limits(20, 80, 15),
  },
  {
    ...ORDINARY,
    featureId: "image_background_removal" as FeatureId,
    displayName: "图片去背景",
    quotaCost: 1n,
    rateLimitPolicy: limits(600, 5_000, 0),
  },
  {
    ...ORDINARY,
    featureId: "image_upscale" as FeatureId,
    displayName: "图片高清放大",
    quotaCost: 1n,
    rateLimitPolicy: limits(300, 2_000, 0),
  },
  {
    ...ORDINARY,
    featureId: "garment_video_preview" as FeatureId,
    displayName: "服装动态预览",
    quotaCost: 8n,
    highCost: true,
    category: "video",
    accessScope: "WHITELIST",
    rateLimitPolicy: { ...limits(3, 10, 600), maxInFlight: 1 },
    launchPlan: "内测四周，退款率低于 2% 后向全部会员开放",
  },
  {
    ...ORDINARY,
    featureId: "pipeline_self_test" as FeatureId,
    displayName: "流水线自检",
    quotaCost: 1n,
    accessScope: "INTERNAL",
    rateLimitPolicy: limits(60, 500, 0),
  },
  {
    ...ORDINARY,
    featureId: "runway_video_generation" as FeatureId,
    displayName: "T 台走秀视频生成",
    quotaCost: 12n,
    highCost: true,
    category: "video",
    rateLimitPolicy: limits(2, 6, 900),
    publish: false,
  },
];

/**
 * Writes what is missing of the starting catalogue, by the catalogue's own rules: what is published
 * has passed the reviewer. What operators have changed since stays as it is. Safe to run again and
 * on several servers at once.
 * @param nowMs the time that everything bears, in milliseconds since 1970
 */
export async function seedCatalog(orm: MikroORM, nowMs: number): Promise<void> {
  await inTransaction(orm, async (em) => {
    // As any change: under the catalogue's lock, and running servers are told by its number.
    await em.execute("select revision from catalog_revisions for update");
    const before = await countOffers(em);
    const rows = PLANS.map((plan) => planRow(plan, nowMs));
    await em.upsertMany(PlanTable, rows, { onConflictAction: "ignore" });
    const packs = PACKS.map((pack) => packRow(pack, nowMs));
    await em.upsertMany(PackTable, packs, { onConflictAction: "ignore" });
    if ((await countOffers(em)) === before) return;
    await em.execute("update catalog_revisions set revision = revision + 1", [], "run");
  });
  const ids = createIdSource(Math.random);
  const books = createCatalogBooks(orm, { ids, timeOf: () => nowMs });
  const reader = createCatalogReader(orm);
  const command = <Input>(input: Input, key: string) => ({
    input,
    // Two servers that seed at the same moment use the same keys.
    idempotencyKey: `seed-${key}`,
    caller: SEEDER,
    validateOnly: false,
  });
  for (const { publish, ...terms } of FEATURES) {
    const { featureId } = terms;
    const version = { featureId, version: 1 };
    if ((await reader.findFeature(featureId, 1)) === undefined) {
      await books.serve(createFeatureVersion, command(terms, `${featureId}-create`));
    }
    // A run that was cut off in between left a draft of its own behind.
    const first = await getFeature(reader, version);
    if (publish && first.state === "DRAFT" && first.createdBy === SEEDER.name) {
      await books.serve(publishFeature, command(version, `${featureId}-publish`));
    }
  }
}

async function countOffers(em: EntityManager): Promise<number> {
  const sql = "select (select count(*) from plans) + (select count(*) from packs) as n";
  const [row] = await em.execute<Row[]>(sql);
  return Number(row?.["n"]);
}

function limits(maxPerHour: number, maxPerDay: number, cooldownSeconds: number): RateLimitPolicy {
  return { maxPerHour, maxPerDay, cooldownSeconds, maxInFlight: 0 };
}
