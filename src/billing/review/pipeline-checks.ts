/** What the rules for pipelines look for, in all the words in which a pipeline can say it. */
import type { Severity } from "./finding.ts";
import {
  actionOf,
  flagOf,
  isExpression,
  isList,
  isMap,
  isRefund,
  join,
  nameOf,
  reactionsOf,
  RESTRICTIONS,
  wordOf,
  type Plain,
  type PlainMap,
  type Reaction,
  type Step,
} from "./pipeline-steps.ts";

export interface PipelineComplaint {
  /** NOT_ANALYSED: only the running pipeline can tell. */
  readonly severity: Severity | "NOT_ANALYSED";
  /** Where it stands: `steps[2].continue_on_error`; empty for the pipeline as a whole. */
  readonly field: string;
  readonly message: string;
}

export interface Part {
  readonly field: string;
  readonly map: PlainMap;
  /** For messages: `the pipeline`, `step "render"`. */
  readonly name: string;
}

/** After a failure the next step runs. */
const GOES_ON =
  /^(?:continue|skip|ignore|next|proceed|warn|log|pass|swallow|none|resume|succeed|success|mark)(?:$|_)/;
/** After a failure nothing runs but what the pipeline does at its end. */
const STOPS =
  /^(?:fail|abort|stop|raise|throw|propagate|halt|error|cancel|rollback|retry|exit|terminate)(?:$|_)/;
const FLAGS =
  /^(?:(?:continue_on|ignore|swallow)_(?:error|failure)s?|allow_failures?|best_effort)$/;
const HANDLERS =
  /^(?:on_(?:error|failure|fail|timeout|exception)|(?:failure|error)_(?:policy|strategy|mode))$/;
const AFTER_RETRIES = /^(?:on_(?:exhausted|give_up|failure|error)|after|then|fallback|when_exhausted)$/;
const ATTEMPTS = ["max_attempts", "attempts", "max_retries", "retries", "max", "times", "limit", "count"];
/** A vendor that failed ten times is down; the user waits meanwhile and the hold runs out. */
export const ATTEMPTS_MAX = 10;
const OPINION =
  /rating|score|stars?\b|feedback|review|satisf|dislike|complain|unhappy|opinion|taste|差评|评分|评价|满意/i;
const RESERVES = /(?:reserve|deduct|hold)[_-]?quota|quota[._/-](?:reserve|deduct|hold)/i;
/** Looks at what is there and costs nothing. */
const LOOKS_ONLY =
  /^(?:\w+[./])?(?:validate|check|verify|authenticate|authorize|load|lookup|get|log)(?:$|[^a-z])/i;

export function fail(field: string, message: string): PipelineComplaint {
  return { severity: "FAIL", field, message };
}

function warn(field: string, message: string): PipelineComplaint {
  return { severity: "WARN", field, message };
}

export function unknown(field: string, message: string): PipelineComplaint {
  return { severity: "NOT_ANALYSED", field, message: `${message}: it can't be judged` };
}

export function goingOn({ map, field, name }: Part): PipelineComplaint[] {
  return Object.entries(map).flatMap(([key, value]) => {
    const at = join(field, key);
    const says = `${name} goes on after a failure: ${key} is set`;
    if (FLAGS.test(key)) {
      const flag = flagOf(value);
      if (flag === "unknown") return [unknown(at, `${key} is ${wordOf(value)}`)];
      return flag === "on" ? [fail(at, says)] : [];
    }
    // Left to itself, each branch runs to its end after another one has failed.
    if (key === "fail_fast") {
      return value !== null && flagOf(value) === "off"
        ? [fail(at, `${name} goes on after a failure: fail_fast is off`)]
        : [];
    }
    if (!HANDLERS.test(key) || (field === "" && key === "on_failure")) return [];
    if (isExpression(value)) return [unknown(at, `${key} is ${value}`)];
    return reactionsOf(value, at)
      .filter(({ word }) => GOES_ON.test(word))
      .map((reaction) => fail(reaction.field, `${name} goes on after a failure: ${key} is ${reaction.word}`));
  });
}

export function ownHandlers({ map, field, name }: Part): PipelineComplaint[] {
  return Object.entries(map)
    .filter(([key, value]) => HANDLERS.test(key) && !isExpression(value))
    .flatMap(([key, value]) => {
      const reactions = reactionsOf(value, join(field, key));
      const ends = (one: Reaction): boolean => isRefund(one) || STOPS.test(one.word);
      if (reactions.some((one) => ends(one) || GOES_ON.test(one.word))) return [];
      return reactions.map((one) =>
        warn(one.field, `${name} has its own ${key}, ${one.word}, which may not end the pipeline`),
      );
    });
}

function retriesOf({ map, field }: Part): [Plain, string][] {
  return ["retry", "retries", "retry_policy"].flatMap((key): [Plain, string][] => {
    const value = map[key];
    return value === undefined || value === null ? [] : [[value, join(field, key)]];
  });
}

export function swallowedRetries(part: Part): PipelineComplaint[] {
  return retriesOf(part).flatMap(([retry, field]) => {
    if (!isMap(retry)) return [];
    return Object.entries(retry).flatMap(([key, value]) => {
      const at = join(field, key);
      const says = `${part.name} goes on when its retries are used up`;
      if (FLAGS.test(key) && flagOf(value) === "on") return [fail(at, says)];
      if (!AFTER_RETRIES.test(key)) return [];
      return reactionsOf(value, at).some(({ word }) => GOES_ON.test(word)) ? [fail(at, says)] : [];
    });
  });
}

export function endlessRetries(part: Part): PipelineComplaint[] {
  return retriesOf(part).flatMap(([retry, field]) => {
    if (flagOf(retry) === "off" || isExpression(retry)) return [];
    const key = isMap(retry) ? ATTEMPTS.find((name) => name in retry) : undefined;
    const max = isMap(retry) ? (key === undefined ? "endless" : retry[key]) : retry;
    const count = typeof max === "boolean" || isExpression(max) ? Number.NaN : Number(max);
    if (count >= 0 && count <= ATTEMPTS_MAX) return [];
    const at = key === undefined ? field : join(field, key);
    return [warn(at, `${part.name} is retried without a small maximum`)];
  });
}

export function beforeReservation(steps: readonly Step[]): PipelineComplaint[] {
  const work = steps.filter(({ isGroup, isFinal }) => !isGroup && !isFinal);
  const at = work.findIndex(({ map }) => RESERVES.test(actionOf(map)));
  const reservation = work[at];
  // Without one the caller has reserved, before the pipeline began.
  if (reservation === undefined) return [];
  const early = work.filter((step, index) => {
    if (step === reservation || LOOKS_ONLY.test(actionOf(step.map))) return false;
    return index < at || step.parallel.some((group) => reservation.parallel.includes(group));
  });
  const condition = RESTRICTIONS.find((key) => key in reservation.map);
  return [
    ...early.map((step) => fail(step.field, `step ${nameOf(step)} runs before the quota is reserved`)),
    ...(condition === undefined
      ? []
      : [
          fail(
            join(reservation.field, condition),
            `step ${nameOf(reservation)} reserves only under a condition`,
          ),
        ]),
  ];
}

export function subjectiveRefunds({ map, field, name }: Part): PipelineComplaint[] {
  const says = `${name} refunds by an opinion of the result`;
  return Object.entries(map).flatMap(([key, value]) => {
    const at = join(field, key);
    if (/^refund_(?:on|if|when|reasons?|conditions?)$/.test(key)) {
      return OPINION.test(textOf(value)) ? [fail(at, says)] : [];
    }
    if (key.startsWith("on_")) {
      const refunds = reactionsOf(value, at).filter(isRefund);
      const isSubjective = OPINION.test(key) || OPINION.test(conditionsIn(value));
      return refunds.length > 0 && isSubjective ? [fail(at, says)] : [];
    }
    const refunds = ["type", "uses", "action", "call", "run"].includes(key)
      ? reactionsOf(value, at).filter(isRefund)
      : [];
    return refunds.length > 0 && OPINION.test(conditionsIn(map)) ? [fail(at, says)] : [];
  });
}

function conditionsIn(value: Plain | undefined, depth = 0): string {
  if (depth > 8) return "";
  if (isList(value)) return value.map((item) => conditionsIn(item, depth + 1)).join(" ");
  if (!isMap(value)) return "";
  return Object.entries(value)
    .map(([key, inner]) => (RESTRICTIONS.includes(key) ? textOf(inner) : conditionsIn(inner, depth + 1)))
    .join(" ");
}

function textOf(value: Plain | undefined, depth = 0): string {
  if (depth > 8 || value === undefined) return "";
  if (isList(value)) return value.map((item) => textOf(item, depth + 1)).join(" ");
  if (isMap(value)) {
    return Object.entries(value)
      .map(([key, inner]) => `${key} ${textOf(inner, depth + 1)}`)
      .join(" ");
  }
  return typeof value === "string" ? value : wordOf(value);
}
