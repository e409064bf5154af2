/** A pipeline as plain data, and the words in it that decide what happens after a failure. */

/** What a document holds. Keys are in snake_case, whatever their spelling was. */
export type Plain = string | number | bigint | boolean | null | readonly Plain[] | PlainMap;
export interface PlainMap {
  readonly [key: string]: Plain;
}

/** One step, in the order of execution. */
export interface Step {
  /** Where it stands: `steps[2].parallel[0]`. */
  readonly field: string;
  readonly map: PlainMap;
  /** The fields of the parallel groups that it is in, outermost first. */
  readonly parallel: readonly string[];
  /** True when it does no work of its own, but holds other steps. */
  readonly isGroup: boolean;
  /** True when it runs whatever happened before, such as cleaning up. */
  readonly isFinal: boolean;
}

/** More than anybody writes by hand; aliases could unfold into any number. */
export const STEPS_MAX = 2_000;
/** Groups within groups; deeper ones are made to hurt. */
export const STEP_DEPTH_MAX = 32;

/** The pipeline has more steps, or deeper ones, than are looked at. */
export class TooManySteps extends Error {
  constructor() {
    super(`the pipeline has more than ${STEPS_MAX} steps, or more than ${STEP_DEPTH_MAX} levels`);
  }
}

/** Keys under which the steps of a group stand, in the order in which they run. */
const SEQUENCES = ["steps", "stages", "then", "do", "else"];
const PARALLELS = ["parallel", "branches"];
const FINALS = ["finally", "cleanup", "always"];
const GROUP_KEYS = [...SEQUENCES, ...PARALLELS, "pipeline", ...FINALS];

export function isMap(value: Plain | undefined): value is PlainMap {
  return typeof value === "object" && value !== null && !isList(value);
}

export function isList(value: Plain | undefined): value is readonly Plain[] {
  return Array.isArray(value);
}

/** @throws TooManySteps */
export function stepsOf(pipeline: PlainMap): Step[] {
  const found: Step[] = [];
  visit(pipeline, "", { parallel: [], isFinal: false, depth: 0 }, found);
  return found;
}

interface Surroundings {
  readonly parallel: readonly string[];
  readonly isFinal: boolean;
  readonly depth: number;
}

function visit(map: PlainMap, field: string, around: Surroundings, found: Step[]): void {
  for (const key of GROUP_KEYS) {
    const value = map[key];
    if (value === undefined || value === null) continue;
    const at = join(field, key);
    const inner = {
      parallel: PARALLELS.includes(key) ? [...around.parallel, at] : around.parallel,
      isFinal: around.isFinal || FINALS.includes(key),
      depth: around.depth + 1,
    };
    for (const [child, childField] of membersOf(value, at)) {
      if (found.length >= STEPS_MAX || inner.depth > STEP_DEPTH_MAX) throw new TooManySteps();
      const isGroup = GROUP_KEYS.some((name) => isList(child[name]) || isMap(child[name]));
      found.push({ ...inner, field: childField, map: child, isGroup });
      visit(child, childField, inner, found);
    }
  }
}

/** A list of steps, one step, or steps under their names. A string is a reference, and no step here. */
function membersOf(value: Plain, field: string): [PlainMap, string][] {
  if (isList(value)) {
    return value.flatMap((item, at): [PlainMap, string][] => {
      if (isMap(item)) return [[item, `${field}[${at}]`]];
      return isList(item) ? membersOf(item, `${field}[${at}]`) : [];
    });
  }
  if (!isMap(value)) return [];
  const named = Object.entries(value).filter(([, inner]) => isMap(inner));
  const isTable = named.length > 0 && !STEP_MARKS.some((key) => key in value);
  if (!isTable) return [[value, field]];
  return named.map(([name, inner]) => [inner as PlainMap, join(field, name)]);
}

/** Keys that say that a map is a step, and not a table of steps. */
const STEP_MARKS = ["id", "name", "type", "uses", "action", "run", "call", ...GROUP_KEYS];

export function join(field: string, key: string): string {
  return field === "" ? key : `${field}.${key}`;
}

/** What a step does, in its own words: `video.generate`. Empty if it doesn't say. */
export function actionOf(step: PlainMap): string {
  for (const key of ["type", "uses", "action", "call", "run", "id", "name"]) {
    const value = step[key];
    if (typeof value === "string") return value;
  }
  return "";
}

export function nameOf({ map, field }: Step): string {
  const name = [map["id"], map["name"]].find((value) => typeof value === "string");
  return name === undefined ? field : `"${name}"`;
}

/** A value that is only known when the pipeline runs: `${{ inputs.x }}`, `{{ x }}`, `$X`. */
export function isExpression(value: Plain | undefined): value is string {
  return typeof value === "string" && /\$\{|\{\{|^\$\w+$/.test(value);
}

export type Flag = "on" | "off" | "unknown";

/** YAML 1.1 reads `yes` and `on` as true, YAML 1.2 as words: both mean it. */
export function flagOf(value: Plain | undefined): Flag {
  if (value === undefined || value === null || value === false) return "off";
  if (typeof value === "string") {
    if (/^(?:false|no|off|n|0|never|)$/i.test(value.trim())) return "off";
    return isExpression(value) ? "unknown" : "on";
  }
  if (typeof value === "number" || typeof value === "bigint") return Number(value) === 0 ? "off" : "on";
  return "on";
}

/** One thing that a handler of failures does. */
export interface Reaction {
  readonly field: string;
  /** In snake_case: `refund_quota`. */
  readonly word: string;
  /** The keys by which it is done sometimes, or in part: `when`, `percent`. */
  readonly restrictions: readonly string[];
}

const CONDITIONS = ["if", "when", "unless", "condition", "only_if", "only", "except"];
const PARTS = ["percent", "percentage", "ratio", "fraction", "amount", "max_amount"];
export const RESTRICTIONS: readonly string[] = [...CONDITIONS, ...PARTS];

/** What `on_failure` and its like do: a word, a list of words, or maps with an action. */
export function reactionsOf(value: Plain | undefined, field: string, depth = 0): Reaction[] {
  if (value === undefined || value === null || depth > STEP_DEPTH_MAX) return [];
  if (isList(value)) {
    return value.flatMap((item, at) => reactionsOf(item, `${field}[${at}]`, depth + 1));
  }
  if (!isMap(value)) return [{ field, word: wordOf(value), restrictions: [] }];
  const restrictions = RESTRICTIONS.filter((key) => restricts(key, value[key]));
  if (flagOf(value["enabled"] ?? true) !== "on") restrictions.push("enabled");
  const inner = ["action", "actions", "type", "do", "run", "call", "uses", "steps", "then"].flatMap((key) =>
    reactionsOf(value[key], join(field, key), depth + 1),
  );
  // `refund_quota: true`, or `refund_quota: {percent: 50}`.
  const named = REFUNDS.filter((key) => key in value).flatMap((key): Reaction[] => {
    const at = join(field, key);
    const given = value[key];
    if (isMap(given)) {
      const own = RESTRICTIONS.filter((name) => restricts(name, given[name]));
      return [{ field: at, word: key, restrictions: own }];
    }
    return flagOf(given) === "off" ? [] : [{ field: at, word: key, restrictions: [] }];
  });
  return [...inner, ...named].map((reaction) => ({
    ...reaction,
    restrictions: [...reaction.restrictions, ...restrictions],
  }));
}

const REFUNDS = ["refund_quota"];

/** True for what hands the quota back, by the only word that the platform knows. */
export function isRefund({ word }: Reaction): boolean {
  return /^(?:(?:billing|quota)[._/])?refund_quota$/.test(word);
}

/** `if: always()` and `percent: 100` take nothing away. */
function restricts(key: string, value: Plain | undefined): boolean {
  if (value === undefined || value === null || value === true) return false;
  if (typeof value === "string" && /^(?:always(?:\(\))?|true|failure\(\)|all|full)$/i.test(value.trim())) {
    return false;
  }
  if (/percent/.test(key)) return Number(value) !== 100;
  if (/ratio|fraction/.test(key)) return Number(value) !== 1;
  return true;
}

/** `refundQuota` and `Refund-Quota` are `refund_quota`. */
export function wordOf(value: Plain): string {
  if (typeof value === "object") return "";
  return snake(String(value).trim());
}

export function snake(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replaceAll(/[-\s]+/g, "_")
    .toLowerCase();
}
