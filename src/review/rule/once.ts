/** What keeps a refund from happening twice: a claim that only one can make, a unique row, a locked check. */
import type { Effect, Guard } from "../engine/effect.ts";
import { anyPart, asksForCount, precedes, type Change } from "./facts.ts";
import type { Context } from "./safe.ts";

export const STATE =
  /refund|status|state|settled|releas|processed|flag|eligib|return|revers|consum|cancel|done|applied|handled|complet|held|_at\b|At\b|退|状态/i;
const KEY =
  /idempot|dedup|unique|request_?id|event_?id|refund_?(?:key|id|no)|_key$|Key$|nonce|source_?id|reference|ref_?id|external_?id|transaction_?id|biz_?(?:id|no)|out_?(?:trade|refund)_?no/i;

export function isOnce(change: Change, context: Context): boolean {
  const { effect } = change;
  const { trace } = context;
  const own = effect.statement?.conditions ?? [];
  if (own.some(({ column }) => /refund|status|state|releas|settled|退/i.test(column))) return true;
  const earlier = trace.effects.filter((other) => other.id !== effect.id);
  if (effect.guards.some((guard) => isClaim(guard, change, context))) return true;
  if (
    earlier.some((other) => other.statement?.throwsOnNone && isStateChange(other) && precedes(other, effect))
  )
    return true;
  if (earlier.some((other) => isUniqueInsert(other, change, context))) return true;
  return effect.guards.some((guard) => isLockedCheck(guard, change, context));
}

/** A write that only one of two callers can do: a change of state under a condition, a delete, an insert that may be ignored. */
function isStateChange({ statement }: Effect): boolean {
  if (statement?.verb === "delete") return true;
  if (statement?.verb === "insert") return statement.conflict === "ignore" || statement.returning === true;
  return (
    statement?.verb === "update" &&
    statement.conditions.some(
      ({ column, operator }) => STATE.test(column) || operator === "null" || operator === "other",
    )
  );
}

function isClaim({ test }: Guard, { effect }: Change, { trace }: Context): boolean {
  return [...test.deps].some((id) => {
    const other = trace.effects[id];
    return other !== undefined && other.id !== effect.id && isStateChange(other) && asksForCount(test, other);
  });
}

/** A row under a unique key, in the same transaction or before. */
function isUniqueInsert(other: Effect, { effect }: Change, { schema, trace }: Context): boolean {
  const { statement } = other;
  if (statement?.verb !== "insert" || statement.conflict !== undefined) return false;
  const together = other.transaction !== undefined && other.transaction === effect.transaction;
  if (!together && !precedes(other, effect)) return false;
  const columns = new Set(statement.assignments.map(({ column }) => column.toLowerCase()));
  const unique = (schema.unique.get(statement.tables[0] ?? "") ?? []).some((key) =>
    key.every((column) => columns.has(column)),
  );
  const named =
    statement.assignments.some(({ column }) => KEY.test(column)) &&
    /idempot|dedup|refund|event|processed|request/i.test(
      `${statement.tables[0] ?? ""} ${statement.assignments.map(({ column }) => column).join(" ")}`,
    );
  return (
    unique ||
    named ||
    handlesDuplicates(
      other,
      trace.tests.map(({ words }) => words),
    )
  );
}

function handlesDuplicates(other: Effect, words: readonly string[]): boolean {
  return (
    other.tries.length > 0 &&
    words.some((text) => /ER_DUP_ENTRY|P2002|23505|1062|UniqueConstraint|duplicate/i.test(text))
  );
}

/** A flag or state that is read under a lock in the same transaction, and changed there too. */
function isLockedCheck(guard: Guard, { effect }: Change, { trace, vocabulary }: Context): boolean {
  const { transaction } = effect;
  if (!transaction) return false;
  return [...guard.test.deps].some((id) => {
    const read = trace.effects[id];
    const table = read?.statement?.tables[0];
    if (read?.statement?.verb !== "read" || read.transaction !== transaction || table === undefined)
      return false;
    const locked =
      transaction.serializable ||
      trace.effects.some(
        (other) =>
          other.id <= read.id &&
          other.transaction === transaction &&
          (other.statement?.lock === "update" || other.statement?.lock === "advisory") &&
          precedesOrIs(other, effect),
      );
    const balance =
      read.statement.tables.includes(effect.statement?.tables[0] ?? "") &&
      !STATE.test(guard.test.words) &&
      !anyPart(guard.test.value, (part) => part.kind === "get" && STATE.test(part.name ?? ""));
    const marked =
      trace.effects.some(
        (other) =>
          (other.statement?.verb === "update" ||
            other.statement?.verb === "insert" ||
            other.statement?.verb === "delete") &&
          other.id !== effect.id &&
          other.transaction === transaction &&
          (other.statement.tables.includes(table) || vocabulary.isLedger(other.statement.tables[0] ?? "")),
      ) ||
      (effect.statement?.assignments.some(({ column }) => STATE.test(column)) ?? false);
    return locked && !balance && marked;
  });
}

function precedesOrIs(other: Effect, effect: Effect): boolean {
  return other.id === effect.id || precedes(other, effect);
}
