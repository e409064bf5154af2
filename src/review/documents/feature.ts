/** A feature definition as the terms that the catalogue's rules judge, with every fault of its fields. */
import type { AccessScope, FeatureTerms, RateLimitPolicy } from "../../billing/catalog/feature.ts";
import type { FeatureId } from "../../billing/id.ts";
import { snake } from "../../billing/review/pipeline-steps.ts";
import { DOCUMENT_RULE_IDS } from "./rules.ts";
import { isNull, valueOf, type MapTree, type Tree } from "./tree.ts";

export interface FieldFault {
  readonly ruleId: string;
  readonly field: string;
  readonly message: string;
}

export interface ReadFeature {
  readonly terms: FeatureTerms;
  readonly faults: readonly FieldFault[];
  /** What the definition doesn't say and its name does; empty if it says all. */
  readonly assumption: string;
}

/** As catalog.proto states them. */
const QUOTA_COST_MAX = 1_000_000;
const USES_MAX = 10_000;
const COOLDOWN_MAX = 86_400;
const IN_FLIGHT_MAX = 1_000;
const TEXT_MAX = 1_000;
/** Who has paid nothing is never let in. */
const NOT_MEMBERS =
  /^(?:public|everyone|anyone|anybody|all|guests?|visitors?|anonymous|free|open|none|non_members?)$/;
const SCOPES: Readonly<Record<string, AccessScope>> = {
  member: "MEMBER",
  members: "MEMBER",
  whitelist: "WHITELIST",
  internal: "INTERNAL",
};
/** Words in a name that tell of work on a graphics card. */
const COSTLY_WORDS = new Set(["ai", "generate", "generation", "gen", "render", "video", "tryon", "upscale"]);

/** @param name for a definition that doesn't name itself */
export function readFeature(map: MapTree, name: string): ReadFeature {
  const faults: FieldFault[] = [];
  const fields = new Fields(map, faults, "");
  const featureId = fields.text("feature_id", name === "") || name;
  const words = snake(featureId).split(/[_.]/);
  const hasVideo = words.includes("video");
  const isCostly = words.some((word) => COSTLY_WORDS.has(word));
  const hasCategory = fields.has("category");
  const saysCost = fields.has("high_cost");
  const assumed = [
    ...(!hasCategory && hasVideo ? ["video by its name, as it has no category"] : []),
    ...(!saysCost && isCostly ? ["costly by its name, as it doesn't say high_cost"] : []),
  ];
  const category = hasCategory ? fields.text("category", false).toLowerCase() : "";
  const terms: FeatureTerms = {
    featureId: featureId as FeatureId,
    displayName: fields.text("display_name", false),
    // A cost that can't be read is a fault of its own, and not free on top.
    quotaCost: BigInt(fields.count("quota_cost", QUOTA_COST_MAX, true) ?? 1),
    highCost: saysCost ? fields.flag("high_cost") : isCostly || category === "video",
    category: hasCategory ? category : hasVideo ? "video" : "",
    accessScope: fields.scope(),
    rateLimitPolicy: readPolicy(map, faults),
    launchPlan: fields.text("launch_plan", false),
  };
  return { terms, faults, assumption: assumed.length === 0 ? "" : ` (taken for ${assumed.join(" and ")})` };
}

function readPolicy(map: MapTree, faults: FieldFault[]): RateLimitPolicy | null {
  const tree = valueOf(map, "rate_limit_policy");
  if (tree === undefined || isNull(tree)) return null;
  if (tree.kind !== "map") {
    faults.push(wrong("rate_limit_policy", "must hold max_per_hour, max_per_day and cooldown_seconds"));
    return null;
  }
  const fields = new Fields(tree, faults, "rate_limit_policy.");
  return {
    maxPerHour: fields.count("max_per_hour", USES_MAX, false) ?? 0,
    maxPerDay: fields.count("max_per_day", USES_MAX, false) ?? 0,
    cooldownSeconds: fields.count("cooldown_seconds", COOLDOWN_MAX, false) ?? 0,
    maxInFlight: fields.count("max_in_flight", IN_FLIGHT_MAX, false) ?? 0,
  };
}

class Fields {
  readonly #map: MapTree;
  readonly #faults: FieldFault[];
  readonly #prefix: string;

  constructor(map: MapTree, faults: FieldFault[], prefix: string) {
    this.#map = map;
    this.#faults = faults;
    this.#prefix = prefix;
  }

  has(field: string): boolean {
    const tree = valueOf(this.#map, field);
    return tree !== undefined && !isNull(tree);
  }

  text(field: string, isRequired: boolean): string {
    const value = this.#scalar(field, isRequired);
    if (value === undefined) return "";
    if (typeof value !== "string" || value.length > TEXT_MAX) {
      this.#wrong(field, `must be a text of at most ${TEXT_MAX} characters`);
      return "";
    }
    return value;
  }

  /** Undefined when it isn't given, or isn't right. */
  count(field: string, max: number, isRequired: boolean): number | undefined {
    const value = this.#scalar(field, isRequired);
    if (value === undefined) return undefined;
    // The JSON form of protobuf writes 64-bit integers as texts.
    const number = typeof value === "string" && /^\d{1,10}$/.test(value) ? Number(value) : value;
    if (typeof number !== "bigint" && typeof number !== "number") {
      this.#wrong(field, `must be a whole number from 0 to ${max}`);
      return undefined;
    }
    if (number < 0 || number > max || !Number.isInteger(Number(number))) {
      this.#wrong(field, `is ${number}, and must be a whole number from 0 to ${max}`);
      return undefined;
    }
    return Number(number);
  }

  flag(field: string): boolean {
    const value = this.#scalar(field, false);
    if (typeof value === "boolean") return value;
    this.#wrong(field, "must be true or false");
    // The careful reading.
    return true;
  }

  scope(): AccessScope {
    const field = "access_scope";
    const value = this.#scalar(field, false);
    if (value === undefined) return "MEMBER";
    const word = snake(String(value)).replace(/^access_scope_/, "");
    const scope = SCOPES[word];
    if (scope !== undefined) return scope;
    if (NOT_MEMBERS.test(word)) {
      const message = `access_scope is ${String(value)}: who is no member could use the feature`;
      this.#faults.push({ ruleId: DOCUMENT_RULE_IDS.membersOnly, field, message });
    } else this.#wrong(field, "must be MEMBER, WHITELIST or INTERNAL");
    return "MEMBER";
  }

  #scalar(field: string, isRequired: boolean): string | number | bigint | boolean | undefined {
    const tree: Tree | undefined = valueOf(this.#map, field);
    if (tree === undefined || isNull(tree)) {
      if (isRequired) this.#wrong(field, "is required");
      return undefined;
    }
    if (tree.kind === "scalar" && tree.value !== null) return tree.value;
    this.#wrong(field, "must be a plain value");
    return undefined;
  }

  #wrong(field: string, message: string): void {
    this.#faults.push(wrong(`${this.#prefix}${field}`, message));
  }
}

function wrong(field: string, message: string): FieldFault {
  return { ruleId: DOCUMENT_RULE_IDS.value, field, message: `${field} ${message}` };
}
