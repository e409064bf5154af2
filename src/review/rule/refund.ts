/** Refunds: once, for system faults only, and never forgotten. */
import type { Effect } from "../engine/effect.ts";
import { RULE_IDS } from "../rules.ts";
import { changesOf, type Change } from "./facts.ts";
import type { Complaint, Step } from "./finding.ts";
import { fixFor } from "./fix.ts";
import { isOnce, STATE } from "./once.ts";
import { holdsForSubjective, quoted, subjectiveReason } from "./refund-signs.ts";
import type { Context } from "./safe.ts";
import { REFUNDING_WORDS, SPENDING_WORDS } from "./words.ts";

export function judgeRefund(change: Change, context: Context): Complaint[] {
  const complaints: Complaint[] = [];
  const subjective = subjectiveReason(change, context);
  if (subjective !== undefined) {
    complaints.push(
      complain(change, RULE_IDS.subjectiveRefund, `quota is given back because of ${subjective}`),
    );
  }
  if (!isCompensation(change, context) && !isOnce(change, context)) {
    const { transaction, guards } = change.effect;
    if (transaction?.kind === "caller" && guards.length === 0) {
      complaints.push({
        ...complain(
          change,
          RULE_IDS.notFollowed,
          "whether this refund happens once is known to the caller only, and the caller isn't among the files",
        ),
        severity: "NOT_ANALYSED",
      });
    } else complaints.push(complain(change, RULE_IDS.repeatableRefund, repeatableMessage(change, context)));
  }
  const swallowed = swallowedBy(change.effect);
  if (swallowed) complaints.push(swallowed);
  return complaints;
}

function repeatableMessage({ effect }: Change, { trace }: Context): string {
  const flag = effect.guards.find(({ test }) => STATE.test(test.words));
  if (flag && [...flag.test.deps].some((id) => trace.effects[id]?.statement?.verb === "read")) {
    return "the refund is guarded by a state that is read without a lock: two requests at once both pass";
  }
  return "nothing stops this refund from happening twice for one task";
}

/** A deduction of the same run is taken back: it can't be taken back twice without being done twice. */
function isCompensation({ effect }: Change, { trace, vocabulary }: Context): boolean {
  const deductions = new Set(
    changesOf(trace, vocabulary)
      .filter(({ direction }) => direction === "deduct")
      .map((change) => change.effect),
  );
  return (
    trace.effects.some((other) => {
      if (other.id >= effect.id) return false;
      if (other.kind === "call") return SPENDING_WORDS.test(other.name);
      return deductions.has(other);
    }) && effect.guards.some(({ test }) => test.kind === "catch" || test.at > 0)
  );
}

/** Refunds that are somebody else's: the conditions and the errors of the call are still ours. */
export function judgeRefundCalls({ trace }: Context): Complaint[] {
  return trace.effects.flatMap((effect): Complaint[] => {
    if (effect.kind !== "call" || !REFUNDING_WORDS.test(effect.name)) return [];
    const steps = [{ place: effect.place, message: "the refund is asked for here" }];
    const guard = effect.guards.find((entry) => holdsForSubjective(entry));
    const swallowed = swallowedBy(effect);
    const complaints = swallowed ? [swallowed] : [];
    if (!guard) return complaints;
    const message = `quota is given back because of the condition ${quoted(guard.test.words)}`;
    return [
      ...complaints,
      { ruleId: RULE_IDS.subjectiveRefund, severity: "FAIL", place: effect.place, message, steps },
    ];
  });
}

function swallowedBy(effect: Effect): Complaint | undefined {
  const inner = effect.tries.at(-1);
  if (!inner || (inner.handling !== "dropped" && inner.handling !== "logged")) return undefined;
  const dropped = inner.handling === "dropped";
  return {
    ruleId: RULE_IDS.refundErrorSwallowed,
    severity: dropped ? "FAIL" : "WARN",
    place: inner.place,
    message: dropped
      ? "an error of the refund is caught and dropped"
      : "an error of the refund is only logged: nobody refunds again",
    steps: [
      { place: effect.place, message: "quota is given back here" },
      { place: inner.place, message: "its error ends here" },
    ],
  };
}

function complain({ effect, table, column }: Change, ruleId: string, message: string): Complaint {
  const calls: Step[] = effect.frames.flatMap(({ call, name }) =>
    call ? [{ place: call, message: `calls ${name === "" ? "a function" : name}` }] : [],
  );
  const steps = [...calls, { place: effect.place, message: `${table}.${column} is raised here` }];
  return {
    ruleId,
    severity: "FAIL",
    place: effect.place,
    message,
    remediation: fixFor(ruleId, effect.statement?.library ?? ""),
    steps,
  };
}
