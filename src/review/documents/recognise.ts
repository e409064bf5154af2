/**
 * Which parts of which files are feature definitions and pipelines. Other YAML and JSON is none of our
 * business.
 */
import { snake } from "../../billing/review/pipeline-steps.ts";
import { valueOf, type MapTree, type Tree } from "./tree.ts";

export interface FoundFeature {
  readonly map: MapTree;
  /** The key behind which it stands, for a definition without feature_id; empty in a list. */
  readonly name: string;
}

export interface Recognised {
  readonly features: readonly FoundFeature[];
  readonly pipelines: readonly MapTree[];
}

/** Files whose steps belong to a build and run nothing that a user pays for. */
const OF_BUILDS = new RegExp(
  [
    String.raw`(?:^|/)(?:\.github|\.gitlab|\.circleci|\.buildkite|\.woodpecker|node_modules)/`,
    String.raw`(?:^|/)(?:\.gitlab-ci|\.travis|\.drone|cloudbuild|buildspec)[^/]*$`,
    String.raw`(?:^|/)(?:azure|bitbucket)-pipelines[^/]*$`,
    String.raw`(?:^|/)(?:docker-compose|compose|package|tsconfig)(?:[.-][\w.-]*)?\.(?:ya?ml|json)$`,
  ].join("|"),
  "i",
);
const FEATURE_FILE = /(?:^|\/)features?\/[^/]*$|(?:^|[/._-])features?(?:[._-]definitions?)?\.\w+$/i;
const PIPELINE_FILE = /(?:^|\/)pipelines?\/[^/]*$|(?:^|[/._-])pipelines?\.\w+$/i;
/** Levels below the top at which definitions are looked for: `features: {image: {crop: {…}}}`. */
const DEPTH_MAX = 6;

export function isDocument(path: string): boolean {
  return /\.(?:ya?ml|jsonc?|json5)$/i.test(path);
}

/** By its name alone a file counts as one of ours, even if it can't be read. */
export function isNamedLikeOurs(path: string): boolean {
  return isDocument(path) && !OF_BUILDS.test(path) && (FEATURE_FILE.test(path) || PIPELINE_FILE.test(path));
}

/** What a file that can't be parsed looks like. */
export function looksLikeOurs(path: string, text: string): boolean {
  if (OF_BUILDS.test(path)) return false;
  return isNamedLikeOurs(path) || /\b(?:quota_?cost|refund_?quota|rate_?limit_?policy)\b/i.test(text);
}

/** False for what surely holds nothing of ours, told without parsing it: most JSON of a repository. */
export function mayBeOurs(path: string, text: string): boolean {
  if (OF_BUILDS.test(path)) return false;
  // A key may be written with escapes.
  return isNamedLikeOurs(path) || MARKS.test(text) || /\\[xuU]/.test(text);
}

const MARKS =
  /quota|rate[-_ ]?limit|access[-_ ]?scope|launch[-_ ]?plan|(?:feature|pipeline)[-_ ]?id|on[-_ ]?failure/i;

export function recognise(path: string, roots: readonly Tree[]): Recognised {
  const found: Found = { features: new Map(), pipelines: new Set() };
  const around = { depth: 0, isAmongFeatures: FEATURE_FILE.test(path), key: "" };
  if (!OF_BUILDS.test(path)) for (const root of roots) visit(path, root, around, found);
  return {
    features: [...found.features].map(([map, name]) => ({ map, name })),
    pipelines: [...found.pipelines],
  };
}

interface Found {
  readonly features: Map<MapTree, string>;
  readonly pipelines: Set<MapTree>;
}

interface Around {
  readonly depth: number;
  /** True in a file, or behind a key, that is named after features. */
  readonly isAmongFeatures: boolean;
  /** The key behind which it stands. */
  readonly key: string;
}

function visit(path: string, tree: Tree, around: Around, found: Found): void {
  const { depth, isAmongFeatures, key } = around;
  if (tree.kind === "scalar" || depth > DEPTH_MAX) return;
  if (tree.kind === "list") {
    for (const item of tree.items) visit(path, item, { depth: depth + 1, isAmongFeatures, key: "" }, found);
    return;
  }
  // What stands inside of a pipeline is a part of it.
  if (isPipeline(path, tree, depth)) {
    found.pipelines.add(tree);
    if (valueOf(tree, "quota_cost") && isFeature(tree, isAmongFeatures)) found.features.set(tree, key);
    return;
  }
  if (isFeature(tree, isAmongFeatures)) {
    found.features.set(tree, key);
    const own = valueOf(tree, "pipeline");
    if (own?.kind === "map") found.pipelines.add(own);
    return;
  }
  for (const entry of tree.entries) {
    const isNamed = /^features?(?:_definitions?)?$/.test(snake(entry.key));
    const inner = { depth: depth + 1, isAmongFeatures: isAmongFeatures || isNamed, key: entry.key };
    visit(path, entry.value, inner, found);
  }
}

const FEATURE_MARKS = ["quota_cost", "rate_limit_policy", "access_scope", "launch_plan"];
/** A record of a use names its feature and its cost too, and defines neither. */
const RECORD_MARKS = ["task_id", "reservation_id", "user_id", "order_id"];

function isFeature(map: MapTree, isAmongFeatures: boolean): boolean {
  const has = (field: string): boolean => valueOf(map, field) !== undefined;
  const cost = valueOf(map, "quota_cost");
  // In a schema a map stands here, in a dictionary a word.
  if (cost !== undefined && cost.kind !== "scalar") return false;
  if (typeof cost?.value === "string" && !/\d/.test(cost.value) && !has("rate_limit_policy")) return false;
  if (RECORD_MARKS.some(has) && !has("rate_limit_policy")) return false;
  const id = valueOf(map, "feature_id");
  const hasId = id?.kind === "scalar" && typeof id.value === "string";
  if (hasId) return isAmongFeatures || FEATURE_MARKS.some(has);
  return isAmongFeatures && cost !== undefined && !Number.isNaN(Number(cost.value));
}

function isPipeline(path: string, map: MapTree, depth: number): boolean {
  const steps = valueOf(map, "steps") ?? valueOf(map, "stages");
  const isListOfMaps = steps?.kind === "list" && steps.items.every(({ kind }) => kind !== "scalar");
  const isTable = steps?.kind === "map" && steps.entries.every(({ value }) => value.kind === "map");
  if (!isListOfMaps && !isTable) return false;
  if (depth === 0 && PIPELINE_FILE.test(path)) return true;
  const marks = ["on_failure", "feature_id", "pipeline_id"];
  return marks.some((field) => valueOf(map, field) !== undefined) || mentionsQuota(steps);
}

function mentionsQuota(tree: Tree, depth = 0): boolean {
  if (depth > DEPTH_MAX) return false;
  if (tree.kind === "scalar") {
    return (
      typeof tree.value === "string" &&
      /^(?:[\w.]+[./])?(?:refund|reserve|deduct|commit)_?quota$/i.test(tree.value)
    );
  }
  if (tree.kind === "list") return tree.items.some((item) => mentionsQuota(item, depth + 1));
  return tree.entries.some(({ value }) => mentionsQuota(value, depth + 1));
}
