/** Tasks: for members only, paid before they are created, and able to give their quota back. */
import type { Effect } from "../engine/effect.ts";
import { stringsOf } from "../engine/machine.ts";
import { RULE_IDS } from "../rules.ts";
import { MEMBERSHIP_WORDS } from "../vocabulary.ts";
import type { Context } from "./safe.ts";
import { precedes, type Change } from "./facts.ts";
import type { Complaint } from "./finding.ts";
import { SPENDING_WORDS } from "./words.ts";

/** What belongs to this platform is judged by its rules; other people's tables only earn a warning. */
export interface Platform {
  /** Some file of the review speaks of the platform's own words. */
  readonly own: boolean;
  /** Some file checks memberships, or speaks of them. */
  readonly members: boolean;
}

export function judgeTasks(changes: readonly Change[], context: Context, platform: Platform): Complaint[] {
  const { trace, vocabulary } = context;
  const tasks = trace.effects.filter(
    ({ statement }) => statement?.verb === "insert" && vocabulary.isTask(statement.tables[0] ?? ""),
  );
  if (tasks.length === 0 || !platform.own) return [];
  const spending = trace.effects.filter(
    (effect) =>
      changes.some((change) => change.effect === effect && change.direction === "deduct") ||
      (effect.kind === "call" && SPENDING_WORDS.test(effect.name)),
  );
  const speaksOfQuota = spending.length > 0 || trace.tests.some(({ words }) => OWN_WORDS.test(words));
  return tasks.flatMap((task) => {
    if (!speaksOfQuota && !task.statement?.assignments.some(({ column }) => OWN_WORDS.test(column)))
      return [];
    // Other people's jobs are paid for as they please: what is out of order is worth a word.
    if (!/(?:^|_)task$/.test(task.statement?.tables[0] ?? "")) {
      return order(task, spending, context)
        .filter(({ ruleId }) => ruleId === RULE_IDS.taskBeforeDeduction)
        .map((complaint) => ({ ...complaint, severity: "WARN" as const }));
    }
    return [...order(task, spending, context), ...eligibility(task), ...membership(task, context, platform)];
  });
}

/** What tells a task that costs quota from any other row that is called a task. */
const OWN_WORDS = /quota|feature_?id|eligible|refund|配额/i;

function fault(
  ruleId: string,
  task: Effect,
  message: string,
  before: readonly { place: Effect["place"]; message: string }[] = [],
): Complaint {
  return {
    ruleId,
    severity: "FAIL",
    place: task.place,
    message,
    steps: [...before, { place: task.place, message: "the task is created here" }],
  };
}

function order(task: Effect, spending: readonly Effect[], context: Context): Complaint[] {
  if (spending.some((effect) => precedes(effect, task))) return [];
  const later = spending.find((effect) => effect.id > task.id);
  if (later) {
    const together =
      task.transaction !== undefined && task.transaction === later.transaction && !context.strict;
    const complaint = fault(
      RULE_IDS.taskBeforeDeduction,
      task,
      "the task is created before its quota is deducted",
      [{ place: later.place, message: "quota is deducted only here" }],
    );
    return [{ ...complaint, severity: together ? "WARN" : "FAIL" }];
  }
  const partly = spending.find((effect) => effect.id < task.id);
  if (partly) {
    return [
      fault(RULE_IDS.deductionSkipped, task, "on some way the task is created without a deduction", [
        { place: partly.place, message: "quota is deducted here, under a condition" },
      ]),
    ];
  }
  return [fault(RULE_IDS.deductionSkipped, task, "the task is created, and nothing is deducted for it")];
}

function eligibility(task: Effect): Complaint[] {
  const columns = task.statement?.assignments ?? [];
  if (columns.length === 0) return [];
  const own = columns.find(({ column }) => /eligible_?for_?refund|refund_?eligible|refundable/i.test(column));
  const isFalse = own?.value.kind === "constant" && !own.value.value;
  if (own && !isFalse) return [];
  return [
    fault(
      RULE_IDS.notEligibleForRefund,
      task,
      own
        ? "the new task is marked as not eligible for refund"
        : "the new task isn't marked with eligible_for_refund",
    ),
  ];
}

const MEMBER_COLUMN = /member|subscri|vip|plan|entitle|premium|会员|订阅/i;

/** A condition about the membership, a read of it that decides, or a helper whose name says so. */
function membership(task: Effect, { trace }: Context, platform: Platform): Complaint[] {
  const asked = task.guards.some(
    ({ test }) =>
      MEMBERSHIP_WORDS.test(test.words) || [...test.deps].some((id) => isAboutMembers(trace.effects[id])),
  );
  const called = trace.effects.some(
    (effect) =>
      effect.id < task.id &&
      ((effect.kind === "call" && /member|subscri|vip|entitle|premium|permission|会员/i.test(effect.name)) ||
        SPENDING_WORDS.test(effect.name)),
  );
  const conditioned = trace.effects.some(
    ({ id, statement }) =>
      id < task.id &&
      statement !== undefined &&
      statement.conditions.some(({ column }) => MEMBER_COLUMN.test(column)),
  );
  const framed = task.frames.some(({ name }) => /member|subscri|vip|admin/i.test(name));
  if (asked || called || conditioned || framed || !platform.own) return [];
  return [
    fault(
      RULE_IDS.noMembershipCheck,
      task,
      "the task is created, and nothing checks that the user is a member",
    ),
  ];
}

function isAboutMembers(effect: Effect | undefined): boolean {
  const { statement } = effect ?? {};
  if (!statement) return false;
  return (
    MEMBER_COLUMN.test(statement.tables.join(" ")) ||
    statement.conditions.some(
      ({ column, value }) =>
        MEMBER_COLUMN.test(column) ||
        (value ? stringsOf(value).some((entry) => MEMBER_COLUMN.test(entry)) : false),
    )
  );
}
