/**
 * The reviewer's rules for pipelines. Whoever pays for a task gets it or gets the quota back: a failed step
 * ends the pipeline, and the end gives back all that was held.
 */
import type { Severity } from "./finding.ts";
import {
  beforeReservation,
  endlessRetries,
  fail,
  goingOn,
  ownHandlers,
  subjectiveRefunds,
  swallowedRetries,
  unknown,
  ATTEMPTS_MAX,
  type Part,
  type PipelineComplaint,
} from "./pipeline-checks.ts";
import {
  isExpression,
  isRefund,
  join,
  nameOf,
  reactionsOf,
  stepsOf,
  TooManySteps,
  type PlainMap,
  type Step,
} from "./pipeline-steps.ts";

export type { PipelineComplaint } from "./pipeline-checks.ts";

/** A pipeline under review. */
export interface PipelineUnderReview {
  readonly pipeline: PlainMap;
  /** Is this other pipeline reviewed as well? Steps may run it by its name. */
  knows(pipelineId: string): boolean;
}

export interface PipelineFinding extends PipelineComplaint {
  readonly ruleId: string;
  readonly remediation: string;
}

export interface PipelineRule {
  readonly id: string;
  /** The highest severity that it gives. */
  readonly severity: Severity | "NOT_ANALYSED";
  /** What it demands, as a sentence about a pipeline. */
  readonly title: string;
  readonly remediation: string;
  /** The item of the checklist that it belongs to, from 1 to 7. */
  readonly checklistItem: number;
  check(review: Pipeline): PipelineComplaint[];
}

interface Pipeline extends PipelineUnderReview {
  readonly steps: readonly Step[];
  /** The pipeline itself and all of its steps but those of the clean-up. */
  readonly parts: readonly Part[];
}

export const PIPELINE_RULES: readonly PipelineRule[] = [
  {
    id: "BG201",
    severity: "FAIL",
    title: "A pipeline that fails refunds the quota: on_failure is refund_quota.",
    remediation: "Set `on_failure: refund_quota` at the top of the pipeline.",
    checklistItem: 3,
    check({ pipeline }) {
      const handler = pipeline["on_failure"];
      if (isExpression(handler)) return [unknown("on_failure", `on_failure is ${handler}`)];
      if (handler === undefined || handler === null) {
        return [fail("", "the pipeline has no on_failure: a failed task keeps the user's quota")];
      }
      const reactions = reactionsOf(handler, "on_failure");
      if (reactions.some(isRefund)) return [];
      const words = reactions.map(({ word }) => word).join(", ") || "empty";
      return [fail("on_failure", `on_failure is ${words}, and must be refund_quota`)];
    },
  },
  {
    id: "BG202",
    severity: "FAIL",
    title: "A failed step ends the pipeline: no step goes on after a failure.",
    remediation: "Remove the setting: a failed step has to end the pipeline, which then refunds.",
    checklistItem: 3,
    check: ({ parts }) => parts.flatMap(goingOn),
  },
  {
    id: "BG203",
    severity: "FAIL",
    title: "Retries that are used up are a failure.",
    remediation: "Remove what follows the last retry: the step has failed, and the pipeline refunds.",
    checklistItem: 3,
    check: ({ parts }) => parts.flatMap(swallowedRetries),
  },
  {
    id: "BG204",
    severity: "FAIL",
    title: "Quota is reserved before any work begins.",
    remediation: "Make the reservation the first step, without a condition; only checks may come before.",
    checklistItem: 1,
    check: ({ steps }) => beforeReservation(steps),
  },
  {
    id: "BG205",
    severity: "FAIL",
    title: "The refund after a failure is whole and has no condition.",
    remediation: "Remove the condition or the share: every failure refunds all that was held.",
    checklistItem: 3,
    check({ pipeline }) {
      const refunds = reactionsOf(pipeline["on_failure"], "on_failure").filter(isRefund);
      if (refunds.some(({ restrictions }) => restrictions.length === 0)) return [];
      return refunds.map(({ field, restrictions }) =>
        fail(field, `the refund depends on ${restrictions.join(", ")}: some failures keep the quota`),
      );
    },
  },
  {
    id: "BG206",
    severity: "WARN",
    title: "What a step does after a failure is known to end the pipeline.",
    remediation: "Remove the step's own handler, or make it `abort` or `refund_quota`.",
    checklistItem: 3,
    check: ({ parts }) => parts.filter(({ field }) => field !== "").flatMap(ownHandlers),
  },
  {
    id: "BG207",
    severity: "FAIL",
    title: "No refund depends on anybody's opinion of the result.",
    remediation: "Remove the refund: only a failure of the system gives quota back.",
    checklistItem: 5,
    check: ({ parts }) => parts.flatMap(subjectiveRefunds),
  },
  {
    id: "BG208",
    severity: "WARN",
    title: "Retries have a small maximum.",
    remediation: `Set max_attempts to ${ATTEMPTS_MAX} or less.`,
    checklistItem: 3,
    check: ({ parts }) => parts.flatMap(endlessRetries),
  },
  {
    id: "BG209",
    severity: "NOT_ANALYSED",
    title: "All that a pipeline runs is reviewed with it.",
    remediation: "Give the other pipeline's file to the same review.",
    checklistItem: 3,
    check: ({ steps, knows }) =>
      steps.flatMap(({ map, field }) => {
        const other = map["pipeline"];
        if (typeof other !== "string" || knows(other)) return [];
        return [unknown(join(field, "pipeline"), `the pipeline ${other} is not among the reviewed files`)];
      }),
  },
];

/** Everything that the rules have to say, in the order of the rules. */
export function reviewPipeline(under: PipelineUnderReview): PipelineFinding[] {
  const { pipeline } = under;
  const found = (rule: PipelineRule, complaint: PipelineComplaint): PipelineFinding => ({
    ruleId: rule.id,
    remediation: rule.remediation,
    ...complaint,
  });
  try {
    const steps = stepsOf(pipeline);
    const inner = steps
      .filter(({ isFinal }) => !isFinal)
      .map((step) => ({ field: step.field, map: step.map, name: `step ${nameOf(step)}` }));
    const parts = [{ field: "", map: pipeline, name: "the pipeline" }, ...inner];
    const review = { ...under, steps, parts };
    return PIPELINE_RULES.flatMap((rule) =>
      unique(rule.check(review)).map((complaint) => found(rule, complaint)),
    );
  } catch (error) {
    if (!(error instanceof TooManySteps)) throw error;
    const rule = PIPELINE_RULES.at(-1) as PipelineRule;
    return [found(rule, unknown("", error.message))];
  }
}

/** An aliased map stands at two places, and each place is said once. */
function unique(complaints: readonly PipelineComplaint[]): PipelineComplaint[] {
  return [...new Map(complaints.map((one) => [`${one.field}\n${one.message}`, one])).values()];
}
