/** What tells a refund from any other gain, and a refund for an opinion from one for a fault. */
import type { Effect, Guard } from "../engine/effect.ts";
import { stringsOf } from "../engine/machine.ts";
import { stringOf } from "../engine/value.ts";
import { REFUND_WORDS, SUBJECTIVE_WORDS } from "../vocabulary.ts";
import { anyPart, type Change } from "./facts.ts";
import type { Context } from "./safe.ts";

/** Whether adding to a balance gives back what was spent; decided by names, texts and the place, not by one word. */
export function isRefund({ effect }: Change, { trace }: Context): boolean {
  if (effect.guards.some(({ test }) => test.kind === "catch")) return true;
  const guards = effect.guards.filter(({ test }) => test.kind !== "loop");
  if (guards.some(isAboutFailure)) return true;
  if (guards.some((guard) => (isPositive(guard) || !asksForText(guard)) && saysRefund(guard.test.words)))
    return true;
  const names = namesAround(effect, trace.entry.name, trace.effects);
  const isReward = names.some((name) => /reward|bonus|earn|gift|award/i.test(name));
  if (!isReward && effect.guards.some(holdsForSubjective)) return true;
  // What a function does that is there for failures is to make up for one.
  if (!isReward && FAILURE.test(trace.entry.name)) return true;
  const functions = [trace.entry.name, ...effect.frames.map(({ name }) => name)];
  return names.some(saysRefund) || functions.some((name) => /\bcancel/i.test(spaced(name)));
}

/** `status === "failed"`, `!result.ok`. */
function isAboutFailure(guard: Guard): boolean {
  const { words } = guard.test;
  return isPositive(guard) ? FAILED.test(spaced(affirmed(words))) : SUCCEEDED.test(spaced(words));
}

const SUCCEEDED = /^\W*[\w$.?]*\b(?:ok|success|succeeded|successful)\W*$/i;

/** A condition without what it denies: `!error && user` is about no error. */
function affirmed(words: string): string {
  return words.replaceAll(/!(?!=)\s*[\w$.?]+|[\w$.?]+\s*===?\s*(?:null|undefined)/g, "");
}

const FAILED = /\b(?:fail|timed? ?out|error(?:ed)?\b)/i;

function saysRefund(text: string): boolean {
  return REFUND_WORDS.test(spaced(text));
}

/** `userRating` and `user_rating` are two words: what stands in the middle of a word says nothing. */
function spaced(text: string): string {
  return text.replaceAll(/([\p{Ll}\d])(?=\p{Lu})/gu, "$1 ").replaceAll(/[_-]+/g, " ");
}

/** Whether what the condition names is so, on the way that is taken. */
function isPositive({ test, holds }: Guard): boolean {
  let { value } = test;
  let positive = holds;
  while (value.kind === "operation" && value.operator === "!") {
    positive = !positive;
    value = value.operands[0] ?? value;
  }
  return positive;
}

/** `event.type === "charge.refunded"`: on the other way it is about something else. */
function asksForText({ test }: Guard): boolean {
  return test.value.kind === "operation" && test.value.operands.some((side) => stringOf(side) !== undefined);
}

/** `failJob`, `onFailure`, `handleTaskFailed`: a word of the name, not a part of another word. */
const FAILURE = /(?:^|_|on|handle|[a-z](?=F))[fF]ail(?:ed|ure)?(?![a-z])/;

/** Names of the functions on the way, and the texts that are stored with the change. */
function namesAround(effect: Effect, entry: string, effects: readonly Effect[]): string[] {
  const innermost = effect.frames.at(-1);
  const stored = effects.filter(
    ({ frames, statement, id }) =>
      (statement?.verb === "insert" || id === effect.id) &&
      frames.at(-1)?.place.start === innermost?.place.start &&
      frames.at(-1)?.place.path === innermost?.place.path,
  );
  const texts = stored
    .flatMap(({ statement }) => statement?.assignments ?? [])
    .flatMap(({ value }) => stringsOf(value));
  const args = stored.flatMap((other) =>
    other.args.flatMap((argument) => (argument.kind === "list" ? stringsOf(argument) : [])),
  );
  const columns = effects
    .filter(
      ({ frames, statement }) =>
        statement?.verb === "update" &&
        frames.at(-1)?.place.start === innermost?.place.start &&
        frames.at(-1)?.place.path === innermost?.place.path,
    )
    .flatMap(({ statement }) => [...(statement?.assignments ?? [])].map(({ column }) => column));
  return [entry, ...columns, ...effect.frames.map(({ name }) => name), ...texts, ...args];
}

/** Somebody's displeasure decides: in a condition that holds, in the name of a function, or as the stored reason. */
export function subjectiveReason(change: Change, { trace }: Context): string | undefined {
  const { effect } = change;
  const guard = effect.guards.find((entry) => holdsForSubjective(entry));
  if (guard) return `the condition ${quoted(guard.test.words)}`;
  const name = namesAround(effect, trace.entry.name, trace.effects).find((entry) =>
    SUBJECTIVE_WORDS.test(spaced(entry)),
  );
  return name === undefined ? undefined : quoted(name);
}

export function quoted(words: string): string {
  const short = words.trim().replaceAll(/\s+/g, " ");
  return `"${short.length > QUOTE_MAX ? `${short.slice(0, QUOTE_MAX)}…` : short}"`;
}

/** Longer texts are cut in messages. */
const QUOTE_MAX = 60;

export function holdsForSubjective({ test, holds }: Guard): boolean {
  if (test.kind === "catch" || test.kind === "loop" || !SUBJECTIVE_WORDS.test(spaced(test.words)))
    return false;
  let { value } = test;
  let positive = holds;
  while (value.kind === "operation" && value.operator === "!") {
    positive = !positive;
    value = value.operands[0] ?? value;
  }
  const operators: string[] = [];
  anyPart(value, (part) => {
    if (part.kind === "operation") operators.push(part.operator);
    return false;
  });
  if (operators.some((operator) => ["<", "<=", ">", ">="].includes(operator))) return true;
  return operators.some((operator) => operator.startsWith("!=")) ? !positive : positive;
}
