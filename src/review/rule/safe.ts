/** What makes a change safe without a row lock. */
import type { Condition, Trace } from "../engine/effect.ts";
import type { Vocabulary } from "../vocabulary.ts";
import { anyPart, asksForCount, comparesAmount, precedes, type Change, type Schema } from "./facts.ts";

export interface Context {
  readonly trace: Trace;
  readonly vocabulary: Vocabulary;
  readonly schema: Schema;
  readonly strict: boolean;
}

const VERSION = /^(?:version|revision|etag|updated_?at|lock_?version|row_?version|optimistic_?lock|seq)$/i;

export function isBalanceCondition(
  { column, operator, value }: Condition,
  vocabulary: Vocabulary,
  table: string,
): boolean {
  if (vocabulary.isBalance(column, table))
    return [">=", ">"].includes(operator) || (operator === "=" && value !== undefined);
  return vocabulary.isUsed(column, table) && ["<", "<=", "="].includes(operator);
}

/** The WHERE says how much must be left, or that nothing has changed since it was read. */
export function isConditional({ effect, table, absolute, value }: Change, { vocabulary }: Context): boolean {
  const conditions = effect.statement?.conditions ?? [];
  return conditions.some((condition) => {
    if (VERSION.test(condition.column) && condition.operator === "=") return true;
    if (!isBalanceCondition(condition, vocabulary, table)) return false;
    // What was computed from an earlier read is only safe when that very value is compared.
    if (!absolute) return true;
    const compared = condition.value;
    return (
      condition.operator === "=" &&
      compared !== undefined &&
      ([...compared.deps].some((dep) => value.deps.has(dep)) ||
        anyPart(value, (part) => part === compared && part.kind !== "constant"))
    );
  });
}

export function otherwiseSafe(change: Change, context: Context): string | undefined {
  const { effect, table } = change;
  const { trace, schema } = context;
  if (effect.transaction?.serializable) return "a serializable transaction";
  const optimistic = trace.effects.some(
    (other) =>
      other.statement?.lock === "optimistic" &&
      precedes(other, effect) &&
      other.statement.tables.includes(table),
  );
  if (optimistic) return "optimistic locking, which fails when the row has changed";
  if (change.absolute) return undefined;
  if (schema.nonNegative.has(`${table}.${change.column}`))
    return "a relative update that the schema keeps from falling below zero";
  if (change.floored) return undefined;
  return isCheckedAfterwards(change, context)
    ? "a relative update that is rolled back when the result is negative"
    : undefined;
}

/** The row is locked by the write itself: what is seen afterwards in the same transaction is current. */
function isCheckedAfterwards({ effect, table }: Change, { trace, vocabulary }: Context): boolean {
  const { transaction } = effect;
  if (!transaction) return false;
  const later = trace.effects
    .filter(
      (other) =>
        other.id > effect.id &&
        other.transaction === transaction &&
        other.statement?.verb === "read" &&
        other.statement.tables.includes(table),
    )
    .map(({ id }) => id);
  return trace.tests.some(
    (test) =>
      test.at > effect.id &&
      [effect.id, ...later].some((id) => test.deps.has(id)) &&
      comparesAmount(test, vocabulary) &&
      asksForCount(test, effect) &&
      (test.exits === "throw" || (test.exits === "return" && transaction.kind === "manual")),
  );
}
