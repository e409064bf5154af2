/** What members of a seeded year buy and use. */
import type { Feature } from "../../billing/catalog/feature.ts";
import type { Pack } from "../../billing/catalog/pack.ts";
import type { Plan } from "../../billing/catalog/plan.ts";
import type { FeatureId, PackId, PlanId } from "../../billing/id.ts";

const ORDINARY = { version: 1, quotaPriority: 50, rollover: "NONE", trial: false } as const;

export const TRIAL: Plan = {
  ...ORDINARY,
  planId: "trial" as PlanId,
  displayName: "试用会员",
  priceFen: 0n,
  periodMonths: 0,
  periodDays: 7,
  quotaAmount: 20n,
  quotaPriority: 10,
  trial: true,
};

export const MONTHLY: Plan = {
  ...ORDINARY,
  planId: "membership-monthly" as PlanId,
  displayName: "会员月卡",
  priceFen: 9_900n,
  periodMonths: 1,
  periodDays: 0,
  quotaAmount: 300n,
};

/** The three of them differ in what their price leaves over when it is cut into days. */
export const YEARLY: Plan = {
  ...ORDINARY,
  planId: "year-membership-yearly" as PlanId,
  displayName: "会员年卡",
  priceFen: 99_900n,
  periodMonths: 12,
  periodDays: 0,
  quotaAmount: 4_000n,
  rollover: "UNTIL_USED",
};

export const WEEKLY: Plan = {
  ...ORDINARY,
  planId: "year-membership-weekly" as PlanId,
  displayName: "会员周卡",
  priceFen: 2_999n,
  periodMonths: 0,
  periodDays: 7,
  quotaAmount: 60n,
  rollover: "ONE_PERIOD",
};

export const PACK: Pack = {
  packId: "quota-pack-100" as PackId,
  version: 1,
  displayName: "加油包 100 点",
  priceFen: 3_900n,
  quotaAmount: 100n,
  quotaPriority: 60,
  validDays: 90,
};

/** It never lapses, so all of it is earned on the day of the payment. */
export const PACK_FOR_EVER: Pack = {
  packId: "year-pack-for-ever" as PackId,
  version: 1,
  displayName: "永久加油包 50 点",
  priceFen: 2_501n,
  quotaAmount: 50n,
  quotaPriority: 70,
  validDays: 0,
};

export const PLANS: readonly Plan[] = [TRIAL, MONTHLY, YEARLY, WEEKLY];
export const PACKS: readonly Pack[] = [PACK, PACK_FOR_EVER];

/** What a use costs, how often it is chosen, and what the vendors of its tasks charge. */
export interface Ware {
  readonly feature: Feature;
  readonly share: number;
  readonly vendors: readonly VendorService[];
}

export interface VendorService {
  readonly vendor: string;
  readonly service: string;
  readonly unit: string;
  /** The most that a row of it costs. */
  readonly mostMicroYuan: number;
}

const GPU = {
  vendor: "tencent-cloud",
  service: "gpu-a10-second",
  unit: "second",
  mostMicroYuan: 380_007,
};
const IMAGE = {
  vendor: "tencent-cloud",
  service: "image-process",
  unit: "call",
  mostMicroYuan: 9_999,
};
const WORKFLOW = {
  vendor: "runninghub",
  service: "workflow-run",
  unit: "run",
  mostMicroYuan: 151_003,
};

/** What nobody's task has caused. */
export const OVERHEAD: readonly VendorService[] = [
  { vendor: "tencent-cloud", service: "cos-storage", unit: "gb-day", mostMicroYuan: 77_777 },
  { vendor: "tencent-cloud", service: "cdn-traffic", unit: "gb", mostMicroYuan: 240_001 },
];

const ware = (
  featureId: string,
  quotaCost: bigint,
  share: number,
  vendors: readonly VendorService[],
): Ware => ({
  feature: {
    featureId: featureId as FeatureId,
    version: 1,
    displayName: featureId,
    quotaCost,
    highCost: false,
    category: "image",
    accessScope: "MEMBER",
    // Members of a made-up year come as often as its size asks for.
    rateLimitPolicy: null,
    launchPlan: "",
    state: "PUBLISHED",
    createTimeMs: 0,
    publishTimeMs: 0,
    createdBy: "seed-year",
  },
  share,
  vendors,
});

export const WARES: readonly Ware[] = [
  ware("image_background_removal", 1n, 0.35, [IMAGE]),
  ware("image_upscale", 1n, 0.25, [IMAGE, GPU]),
  ware("ai_model_tryon", 2n, 0.2, [WORKFLOW, GPU]),
  ware("fabric_pattern_generation", 2n, 0.15, [WORKFLOW]),
  ware("ai_video_generation", 5n, 0.05, [GPU, WORKFLOW]),
];
