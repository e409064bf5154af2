/** Which locks protect a change, and why others don't. */
import type { Effect, Trace } from "../engine/effect.ts";
import { RULE_IDS } from "../rules.ts";
import { covers, type Change } from "./facts.ts";

export interface Locks {
  readonly good: Effect | undefined;
  /** A lock that doesn't protect, and why. */
  readonly bad: { readonly effect: Effect; readonly why: string; readonly ruleId: string } | undefined;
}

function isLock({ statement }: Effect): boolean {
  return statement?.lock === "update" || statement?.lock === "advisory" || statement?.lock === "conditional";
}

function locksTable({ statement }: Effect, table: string): boolean {
  if (statement?.lock === "advisory") return true;
  const named = statement?.lockOf ?? [];
  return (named.length > 0 ? named : (statement?.tables ?? [])).includes(table);
}

export function locksBefore(change: Change, trace: Trace): Locks {
  const { effect, table } = change;
  const { transaction } = effect;
  const all = trace.effects.filter((other) => isLock(other) && other.id !== effect.id);
  const inside = all.filter((other) => transaction !== undefined && other.transaction === transaction);
  const rows = inside.filter(({ statement }) => statement?.lock === "update");
  const good =
    covers(
      rows.filter((other) => locksTable(other, table)),
      effect,
    ) ??
    covers(
      inside.filter((other) => locksTable(other, table) && other.statement?.lock !== "conditional"),
      effect,
    );
  if (good) return { good, bad: undefined };
  const reasons: [Effect | undefined, string, string][] = [
    [
      inside.find((other) => locksTable(other, table) && other.id > effect.id),
      "is taken after the write",
      RULE_IDS.uselessLock,
    ],
    [
      inside.find((other) => locksTable(other, table)),
      "isn't taken on every way to the write",
      RULE_IDS.uselessLock,
    ],
    [
      all.find((other) => transaction && !other.transaction && other.enclosing && locksTable(other, table)),
      "goes through the outer handle, not the transaction's",
      RULE_IDS.outerHandle,
    ],
    [inside.find((other) => !locksTable(other, table)), "is on another table", RULE_IDS.uselessLock],
    [
      all.find((other) => locksTable(other, table)),
      transaction ? "is outside of the transaction of the write" : "is outside of any transaction",
      RULE_IDS.uselessLock,
    ],
  ];
  for (const [found, why, ruleId] of reasons)
    if (found) return { good: undefined, bad: { effect: found, why, ruleId } };
  return { good: undefined, bad: undefined };
}

/** The reads of the balance that are current: they hold the lock, or come after it in its transaction. */
export function isCurrent(read: Effect, lock: Effect, trace: Trace): boolean {
  if (read.id >= lock.id && read.transaction === lock.transaction) return true;
  return trace.effects.some(
    ({ statement, id }) => statement?.refreshes === read.id && id >= lock.id && statement.lock === "update",
  );
}

export function readsOf(deps: Iterable<number>, trace: Trace, table: string): Effect[] {
  return [...deps]
    .map((id) => trace.effects[id])
    .filter((effect) => effect !== undefined)
    .filter(({ statement }) => statement?.verb === "read" && statement.tables.includes(table));
}
