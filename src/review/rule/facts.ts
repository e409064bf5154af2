/** What the rules ask a trace: which balances change, what came before, and what decided. */
import type { Assignment, Effect, Guard, Test, Trace } from "../engine/effect.ts";
import { COMPUTED, numberOf, optionsOf, type Value } from "../engine/value.ts";
import type { Vocabulary } from "../vocabulary.ts";

/** What SQL files say about the tables. */
export interface Schema {
  /** `table.column` that can't fall below zero. */
  readonly nonNegative: ReadonlySet<string>;
  /** The columns of a table that are unique, alone or together. */
  readonly unique: ReadonlyMap<string, readonly (readonly string[])[]>;
}

/** A change of what a user may spend. */
export interface Change {
  readonly effect: Effect;
  readonly table: string;
  readonly column: string;
  readonly direction: "deduct" | "add";
  /** The new value is computed in the program from an earlier read. */
  readonly absolute: boolean;
  readonly floored: boolean;
  readonly value: Value;
  readonly isUsed: boolean;
}

export function changesOf(trace: Trace, vocabulary: Vocabulary): Change[] {
  return trace.effects.flatMap((effect) => {
    const { statement } = effect;
    if (statement?.verb !== "update") return [];
    const table = statement.tables[0] ?? "";
    if (vocabulary.isLedger(table)) return [];
    // On different ways one statement may do both.
    const found = new Map<Change["direction"], Change>();
    for (const assignment of statement.assignments) {
      const isUsed = vocabulary.isUsed(assignment.column, table);
      if (!isUsed && !vocabulary.isBalance(assignment.column, table)) continue;
      const step = stepOf(assignment, vocabulary, effect.guards);
      if (!step) continue;
      const direction = (step.kind === "decrement") === isUsed ? "add" : "deduct";
      const { column, value } = assignment;
      if (!found.has(direction))
        found.set(direction, { effect, table, column, direction, value, isUsed, ...step });
    }
    return [...found.values()];
  });
}

/** Changes of a column that is only known at run time: it may be a balance. */
export function unnamedChangesOf(trace: Trace, vocabulary: Vocabulary): Effect[] {
  return trace.effects.filter(({ statement, frames }) => {
    const table = statement?.tables[0] ?? "";
    if (statement?.verb !== "update" || vocabulary.isLedger(table)) return false;
    const around = [table, trace.entry.name, ...frames.map(({ name }) => name)].join(" ");
    return statement.assignments.some((assignment) => {
      if (assignment.column !== "" && assignment.column !== COMPUTED) return false;
      const step = stepOf(assignment, vocabulary);
      return step?.kind === "decrement" || (step !== undefined && vocabulary.concerns(around));
    });
  });
}

interface Step {
  readonly kind: "decrement" | "increment";
  readonly absolute: boolean;
  readonly floored: boolean;
}

function stepOf(
  { kind, value, floored }: Assignment,
  vocabulary: Vocabulary,
  guards: readonly Guard[] = [],
): Step | undefined {
  if (kind === "set") return stepOfSet(value, vocabulary, 0);
  const opposites = optionsOf(value).map((option) => isNegative(option, guards));
  // Of several amounts the one that lowers decides.
  const negative = kind === "increment" ? opposites.includes(true) : !opposites.includes(false);
  const opposite = kind === "decrement" ? ("increment" as const) : ("decrement" as const);
  return { kind: negative ? opposite : kind, absolute: false, floored };
}

/** Whether an amount is below zero, by its form and by the conditions under which it is used. */
export function isNegative(value: Value, guards: readonly Guard[] = []): boolean {
  const number = numberOf(value);
  if (number !== undefined) return number < 0;
  const known = guards.map((guard) => signBy(guard, value)).find((sign) => sign !== undefined);
  if (known !== undefined) return known < 0;
  if (value.kind !== "operation") return false;
  if (value.operator === "neg") return !value.operands.some((inner) => isNegative(inner, guards));
  return value.operator === "*" && value.operands.filter((inner) => isNegative(inner, guards)).length === 1;
}

/** `if (delta < 0)`: what that says of delta. */
function signBy({ test, holds }: Guard, value: Value): number | undefined {
  if (test.value.kind !== "operation" || !RELATIONAL.has(test.value.operator)) return undefined;
  const [left, right] = test.value.operands;
  const isLeft = left !== undefined && isSame(left, value) && numberOf(right ?? left) === 0;
  const isRight = right !== undefined && isSame(right, value) && numberOf(left ?? right) === 0;
  if (!isLeft && !isRight) return undefined;
  const below = test.value.operator.startsWith("<") === isLeft;
  return below === holds ? -1 : 1;
}

/** The same expression over the same things. */
function isSame(left: Value, right: Value): boolean {
  if (left === right) return true;
  if (left.kind !== "operation" || right.kind !== "operation" || left.operator !== right.operator)
    return false;
  return left.operands.every((operand, at) => operand === right.operands[at]);
}

/** `balance - cost`, wherever the balance was read. */
function stepOfSet(value: Value, vocabulary: Vocabulary, depth: number): Step | undefined {
  if (depth > 4) return undefined;
  const deeper = (values: readonly Value[]): Step | undefined =>
    values.map((entry) => stepOfSet(entry, vocabulary, depth + 1)).find((entry) => entry !== undefined);
  if (value.kind === "union") return deeper(value.options);
  if (value.kind !== "operation") return undefined;
  const [left, right] = value.operands;
  if (value.operator === "max") {
    const step = deeper(value.operands);
    return step && { ...step, floored: true };
  }
  if (["||", "??", "&&", "min"].includes(value.operator)) return deeper(value.operands);
  if (!left || !right) return undefined;
  // What is assigned to a balance and is a difference lowers it, whatever the minuend is called.
  if (value.operator === "-" && left.kind !== "constant") {
    return { kind: isNegative(right) ? "increment" : "decrement", absolute: true, floored: false };
  }
  if (value.operator === "+" && (namesBalance(left, vocabulary) || namesBalance(right, vocabulary))) {
    const amount = namesBalance(left, vocabulary) ? right : left;
    return { kind: isNegative(amount) ? "decrement" : "increment", absolute: true, floored: false };
  }
  return undefined;
}

/** A value that was a balance: read from a row, or named as one. */
function namesBalance(value: Value, vocabulary: Vocabulary): boolean {
  switch (value.kind) {
    case "get":
      return (
        value.deps.size > 0 || vocabulary.isBalance(value.name ?? "") || vocabulary.isUsed(value.name ?? "")
      );
    case "unknown":
      return vocabulary.isBalance(value.name) || vocabulary.isUsed(value.name);
    case "union":
      return value.options.some((option) => namesBalance(option, vocabulary));
    case "operation":
      return value.operands.some((operand) => namesBalance(operand, vocabulary));
    case "result":
      return true;
    case "call":
    case "constant":
    case "template":
    case "record":
    case "list":
    case "closure":
    case "class":
    case "instance":
      break;
  }
  return value.deps.size > 0;
}

/** Whenever `later` happens, `earlier` has happened before it. */
export function precedes(earlier: Effect, later: Effect): boolean {
  return earlier.id < later.id && guardsWithin(earlier.guards, later.guards);
}

function guardsWithin(inner: readonly Guard[], outer: readonly Guard[]): boolean {
  return inner.every(
    (guard) =>
      guard.test.kind === "catch" ||
      outer.some((other) => other.test === guard.test && other.holds === guard.holds),
  );
}

/** One of these happens on every way to `later`: alone, or two on the two sides of a condition. */
export function covers(candidates: readonly Effect[], later: Effect): Effect | undefined {
  const alone = candidates.find((candidate) => precedes(candidate, later));
  if (alone) return alone;
  for (const one of candidates) {
    const last = missing(one, later);
    if (last?.length !== 1) continue;
    const other = candidates.find((candidate) => {
      const rest = missing(candidate, later);
      return rest?.length === 1 && rest[0]?.test === last[0]?.test && rest[0]?.holds !== last[0]?.holds;
    });
    if (other) return one;
  }
  return undefined;
}

function missing(earlier: Effect, later: Effect): Guard[] | undefined {
  if (earlier.id >= later.id) return undefined;
  return earlier.guards.filter(
    (guard) =>
      guard.test.kind !== "catch" &&
      !later.guards.some((other) => other.test === guard.test && other.holds === guard.holds),
  );
}

const RELATIONAL = new Set(["<", "<=", ">", ">="]);

/** A condition that compares amounts, asks a helper, or asks whether there is anything left. */
export function comparesAmount(test: Test, vocabulary: Vocabulary): boolean {
  return anyPart(test.value, (part) => {
    if (part.kind === "operation" && RELATIONAL.has(part.operator)) return !part.operands.some(isCount);
    if (part.kind === "call")
      return part.deps.size > 0 && !/^(?:isNaN|Boolean|isEmpty)$/.test(nameOfCall(part));
    return (
      part.kind === "get" && (vocabulary.isBalance(part.name ?? "") || vocabulary.isUsed(part.name ?? ""))
    );
  });
}

function nameOfCall(value: Value): string {
  if (value.kind !== "call") return "";
  return value.callee.kind === "get" || value.callee.kind === "unknown" ? (value.callee.name ?? "") : "";
}

function isCount(value: Value): boolean {
  return (
    value.kind === "get" &&
    /^(?:length|rowCount|affectedRows|count|affected|changes|numUpdatedRows|modifiedCount|matchedCount)$/.test(
      value.name ?? "",
    )
  );
}

export function anyPart(value: Value, holds: (part: Value) => boolean, depth = 0): boolean {
  if (holds(value)) return true;
  if (depth > 6) return false;
  const deeper = (values: readonly Value[]): boolean =>
    values.some((entry) => anyPart(entry, holds, depth + 1));
  if (value.kind === "operation") return deeper(value.operands);
  if (value.kind === "union") return deeper(value.options);
  if (value.kind === "call")
    return (
      deeper(value.args) || (value.callee.kind === "get" && anyPart(value.callee.base, holds, depth + 1))
    );
  return value.kind === "get" && anyPart(value.base, holds, depth + 1);
}

/** Something looks at how many rows a write has changed, and goes another way when there are none. */
export function isRowCountChecked(trace: Trace, effect: Effect): boolean {
  if (effect.statement?.throwsOnNone) return true;
  const tested = trace.tests.some(
    (test) =>
      test.at > effect.id &&
      test.deps.has(effect.id) &&
      asksForCount(test, effect) &&
      (test.exits !== undefined ||
        trace.effects.some(
          ({ id, guards }) => id > effect.id && guards.some((guard) => guard.test === test),
        )),
  );
  return tested || trace.returned.some((value) => dependsOn(value, effect.id));
}

export function dependsOn(value: Value, id: number): boolean {
  return (
    value.deps.has(id) ||
    (value.kind === "record" && [...value.fields.values()].some((field) => dependsOn(field, id))) ||
    (value.kind === "union" && value.options.some((option) => dependsOn(option, id)))
  );
}

/** The answer of most libraries is an object that is there even when nothing was changed. */
export function asksForCount(test: Test, effect: Effect): boolean {
  const answer = effect.statement?.answer;
  if (answer === "count" || answer === "row") return true;
  let value = test.value;
  while (value.kind === "operation" && value.operator === "!") value = value.operands[0] ?? value;
  return value.kind !== "result";
}
