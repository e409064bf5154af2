/** Deductions: in a transaction, under a lock on the row that decides, never below zero. */
import type { Effect } from "../engine/effect.ts";
import { RULE_IDS } from "../rules.ts";
import type { Complaint, Step } from "./finding.ts";
import { comparesAmount, isRowCountChecked, type Change } from "./facts.ts";
import { isCurrent, locksBefore, readsOf, type Locks } from "./locks.ts";
import { isBalanceCondition, isConditional, otherwiseSafe, type Context } from "./safe.ts";
import { fixFor } from "./fix.ts";

/** What is wrong with one deduction; undefined when nothing is. */
export function judgeDeduction(change: Change, context: Context): Complaint | undefined {
  const { effect } = change;
  const locks = locksBefore(change, context.trace);
  if (locks.good) {
    const complaint = judgeLocked(change, context, locks.good);
    return (
      complaint ??
      (locks.good.statement?.lock === "advisory" ? warnSafe(change, context, "an advisory lock") : undefined)
    );
  }
  const conditional = isConditional(change, context);
  if (conditional && !isRowCountChecked(context.trace, effect)) {
    return complain(
      change,
      RULE_IDS.rowCountUnchecked,
      context,
      `the deduction from ${where(change)} has a condition, and nothing checks whether a row was changed`,
    );
  }
  const safe = conditional
    ? "an atomic conditional update whose row count is checked"
    : otherwiseSafe(change, context);
  if (safe !== undefined) return warnSafe(change, context, safe);
  return judgeUnlocked(change, context, locks.bad);
}

function judgeLocked(change: Change, context: Context, lock: Effect): Complaint | undefined {
  const { trace, vocabulary } = context;
  const { effect, table } = change;
  const stale = change.absolute
    ? readsOf(change.value.deps, trace, table).find((read) => !isCurrent(read, lock, trace))
    : undefined;
  if (stale) {
    return complain(
      change,
      RULE_IDS.uselessLock,
      context,
      `${where(change)} is computed from a row that was read before the lock`,
      [readStep(stale), lockStep(lock)],
    );
  }
  if (isConditional(change, context) || change.floored) return undefined;
  const checks = effect.guards.filter(({ test }) => comparesAmount(test, vocabulary));
  const reads = checks.flatMap(({ test }) => readsOf(test.deps, trace, table));
  if (reads.some((read) => isCurrent(read, lock, trace))) return undefined;
  const old = reads[0];
  if (old) {
    return complain(
      change,
      RULE_IDS.uselessLock,
      context,
      `the deduction from ${where(change)} is decided by a read before the lock`,
      [readStep(old), lockStep(lock)],
    );
  }
  if (isCheckedElsewhere(change, context, lock)) return undefined;
  return complain(
    change,
    RULE_IDS.negativeBalance,
    context,
    `${where(change)} is lowered under a lock, and nothing compares it with the cost`,
    [lockStep(lock)],
  );
}

/** A condition in the locking read, a helper that isn't known, a check after the write, or the schema. */
function isCheckedElsewhere(change: Change, context: Context, lock: Effect): boolean {
  const { trace, vocabulary, schema } = context;
  const { effect, table } = change;
  const conditioned =
    lock.statement?.conditions.some((condition) => isBalanceCondition(condition, vocabulary, table)) &&
    effect.guards.some(({ test }) => test.deps.has(lock.id));
  const handed = trace.effects.some(
    ({ kind, args, id }) =>
      kind === "call" && id < effect.id && args.some((argument) => argument.deps.has(lock.id)),
  );
  const lookedAt = effect.guards.some(
    ({ test }) => test.kind !== "loop" && comparesAmount(test, vocabulary) && test.deps.size > 0,
  );
  return (
    conditioned === true ||
    handed ||
    lookedAt ||
    schema.nonNegative.has(`${table}.${change.column}`) ||
    otherwiseSafe(change, context) !== undefined
  );
}

function judgeUnlocked(change: Change, context: Context, bad: Locks["bad"]): Complaint {
  const { effect, table } = change;
  const { trace } = context;
  const feeding = readsOf(
    [...change.value.deps, ...effect.guards.flatMap(({ test }) => [...test.deps])],
    trace,
    table,
  );
  const reads = feeding.slice(0, 1).map(readStep);
  if (effect.enclosing && !effect.transaction) {
    return complain(
      change,
      RULE_IDS.outerHandle,
      context,
      `the deduction from ${where(change)} stands in a transaction, and goes through another handle`,
      reads,
    );
  }
  if (bad) {
    return complain(
      change,
      bad.ruleId,
      context,
      `the lock for the deduction from ${where(change)} ${bad.why}`,
      [...reads, lockStep(bad.effect)],
    );
  }
  if (effect.transaction?.kind === "caller" && feeding.length === 0) {
    return {
      ...complain(
        change,
        RULE_IDS.notFollowed,
        context,
        `whether ${where(change)} is locked is known to the caller only, and the caller isn't among the files`,
      ),
      severity: "NOT_ANALYSED",
    };
  }
  return effect.transaction
    ? complain(
        change,
        RULE_IDS.noRowLock,
        context,
        `${where(change)} is lowered in a transaction, and its row isn't locked`,
        reads,
      )
    : complain(
        change,
        RULE_IDS.noTransaction,
        context,
        `${where(change)} is lowered without transaction and row lock`,
        reads,
      );
}

function warnSafe(change: Change, context: Context, why: string): Complaint {
  const complaint = complain(
    change,
    RULE_IDS.safeWithoutRowLock,
    context,
    context.strict
      ? `the deduction from ${where(change)} has no FOR UPDATE lock; it relies on ${why}`
      : `the deduction from ${where(change)} is safe by ${why}, without FOR UPDATE`,
  );
  return { ...complaint, severity: context.strict ? "FAIL" : "WARN" };
}

function where({ table, column }: Change): string {
  return `${table === "" ? "" : `${table}.`}${column}`;
}

function complain(
  change: Change,
  ruleId: string,
  context: Context,
  message: string,
  before: readonly Step[] = [],
): Complaint {
  const { effect } = change;
  const calls = effect.frames.flatMap(({ call, name }) =>
    call ? [{ place: call, message: `calls ${name === "" ? "a function" : name}` }] : [],
  );
  const steps = [...before, ...calls, { place: effect.place, message: `${where(change)} is lowered here` }];
  return {
    ruleId,
    severity: "FAIL",
    place: effect.place,
    message,
    remediation: fixFor(ruleId, effect.statement?.library ?? ""),
    steps,
  };
}

function readStep(effect: Effect): Step {
  return { place: effect.place, message: `${effect.statement?.tables[0] ?? "the row"} is read here` };
}

function lockStep(effect: Effect): Step {
  return { place: effect.place, message: `${effect.statement?.tables[0] ?? "a lock"} is locked here` };
}
