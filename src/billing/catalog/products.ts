/** What is for sale: the versions in force. */
import type { PackId, PlanId } from "../id.ts";
import type { Pack } from "./pack.ts";
import type { Plan } from "./plan.ts";

/** Looks a product up: its version in force; "not-for-sale" when it has none, or isn't sold; undefined when unknown. */
export interface Products {
  findPlan(planId: PlanId): Plan | "not-for-sale" | undefined;
  findPack(packId: PackId): Pack | "not-for-sale" | undefined;
}
