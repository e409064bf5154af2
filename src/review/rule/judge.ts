/** All rules over all traces. */
import type { Effect, Trace } from "../engine/effect.ts";
import type { Place } from "../engine/value.ts";
import { RULE_IDS } from "../rules.ts";
import { MAY_CONCERN_QUOTA, type Vocabulary } from "../vocabulary.ts";
import { judgeDeduction } from "./deduction.ts";
import type { Context } from "./safe.ts";
import { changesOf, unnamedChangesOf, type Schema } from "./facts.ts";
import { SCRIPT } from "../sql/routine.ts";
import type { Complaint } from "./finding.ts";
import { judgeExternal, judgeGrant, judgeHistory } from "./other.ts";
import { judgeRefund, judgeRefundCalls } from "./refund.ts";
import { isRefund } from "./refund-signs.ts";
import { judgeTasks, type Platform } from "./task.ts";

export interface Judged {
  readonly traces: readonly Trace[];
  readonly tooLong: readonly Place[];
}

export interface Settings {
  readonly vocabulary: Vocabulary;
  readonly schema: Schema;
  readonly strict: boolean;
  readonly platform: Platform;
  /** Stored routines that are among the files, in lower case: they are judged there. */
  readonly routines: ReadonlySet<string>;
}

export function judge({ traces, tooLong }: Judged, settings: Settings): Complaint[] {
  const complaints = traces.flatMap((trace) => judgeTrace(trace, settings));
  const limits = tooLong.map((place): Complaint => ({
    ruleId: RULE_IDS.limitReached,
    severity: "NOT_ANALYSED",
    place,
    message: "the function leads to more than can be followed",
    steps: [],
  }));
  return strongest([...complaints, ...limits]);
}

function judgeTrace(trace: Trace, { vocabulary, schema, strict, platform, routines }: Settings): Complaint[] {
  const context: Context = { trace, vocabulary, schema, strict };
  const changes = changesOf(trace, vocabulary);
  const complaints: Complaint[] = [];
  for (const change of changes) {
    const isGoods = vocabulary.isGoods(change.column, change.table);
    if (change.direction === "deduct") {
      const complaint = judgeDeduction(change, context);
      // A script shows the statements; what its caller compares between them can't stand in it.
      const isScript = trace.entry.name === SCRIPT && complaint?.ruleId === RULE_IDS.negativeBalance;
      // What a shop has in stock is no quota: the same race earns a word, and stops nobody.
      const isLess = isGoods && complaint?.severity === "FAIL";
      if (complaint && !isScript) complaints.push(isLess ? { ...complaint, severity: "WARN" } : complaint);
    } else if (isGoods) continue;
    else if (isRefund(change, context)) complaints.push(...judgeRefund(change, context));
    else complaints.push(...judgeGrant(change, context, platform));
  }
  complaints.push(...judgeTasks(changes, context, platform), ...judgeHistory(context));
  complaints.push(...judgeRefundCalls(context));
  if (changes.length > 0) complaints.push(...judgeExternal(context));
  complaints.push(...unnamedChangesOf(trace, vocabulary).map(unnamed));
  return [...complaints, ...trace.unfollowed.flatMap((entry) => notFollowed(entry, routines))];
}

function unnamed({ place }: Effect): Complaint {
  const message = "which column is changed here is only known at run time";
  const steps = [{ place, message: "the column is named by a value" }];
  return { ruleId: RULE_IDS.notFollowed, severity: "NOT_ANALYSED", place, message, steps };
}

function notFollowed(
  { place, why }: { place: Place; why: string },
  routines: ReadonlySet<string>,
): Complaint[] {
  const routine = /^routine (.*)$/.exec(why)?.[1];
  if (routine !== undefined) {
    const name = routine.split(".").at(-1)?.toLowerCase() ?? "";
    if (routines.has(name) || !MAY_CONCERN_QUOTA.test(name)) return [];
    return [
      {
        ruleId: RULE_IDS.notFollowed,
        severity: "NOT_ANALYSED",
        place,
        message: `the stored routine ${name} isn't among the files`,
        steps: [],
      },
    ];
  }
  return [{ ruleId: RULE_IDS.notFollowed, severity: "NOT_ANALYSED", place, message: why, steps: [] }];
}

const RANK = { FAIL: 2, WARN: 1, NOT_ANALYSED: 0 };

/** One place is named once by a rule, by the way that is worst; a deduction that fails needs no further word. */
function strongest(complaints: readonly Complaint[]): Complaint[] {
  const best = new Map<string, Complaint>();
  for (const complaint of complaints) {
    const { ruleId, place } = complaint;
    const key = `${place.path}:${place.start}:${place.end}:${ABOUT_DEDUCTION.has(ruleId) ? "deduction" : ruleId}`;
    const known = best.get(key);
    if (!known || RANK[complaint.severity] > RANK[known.severity]) best.set(key, complaint);
  }
  return [...best.values()];
}

const ABOUT_DEDUCTION: ReadonlySet<string> = new Set([
  RULE_IDS.noTransaction,
  RULE_IDS.noRowLock,
  RULE_IDS.uselessLock,
  RULE_IDS.outerHandle,
  RULE_IDS.rowCountUnchecked,
  RULE_IDS.negativeBalance,
  RULE_IDS.safeWithoutRowLock,
  RULE_IDS.notFollowed,
]);
