/** The verdict over a review, and the seven questions that the specification asks of every change. */
import type { Verdict } from "../billing/review/finding.ts";
import { ruleById } from "./catalogue.ts";
import type { Finding } from "./contract.ts";
import type { SuppressedFinding } from "./suppress.ts";

export type { Verdict } from "../billing/review/finding.ts";

/** NOT_APPLICABLE: nothing of the kind was given to the review. */
export type ItemStatus = "PASSED" | "WARNED" | "FAILED" | "NOT_ANALYSED" | "NOT_APPLICABLE";

export interface ChecklistItem {
  /** From 1 to 7, as in the specification. */
  readonly item: number;
  readonly question: string;
  readonly questionZh: string;
  readonly status: ItemStatus;
  /** The fingerprints of the findings that decide it, in the order of the findings. */
  readonly fingerprints: readonly string[];
}

/** What was there to be judged. */
export interface Subjects {
  /** Files of code that were given, analysed or not. */
  readonly codeFiles: number;
  readonly features: number;
  readonly pipelines: number;
}

interface Question {
  readonly question: string;
  readonly questionZh: string;
  readonly about: readonly (keyof Subjects)[];
}

const QUESTIONS: readonly Question[] = [
  {
    question: "Does every deduction use a transaction and a row lock?",
    questionZh: "所有配额扣减是否使用事务+行锁？",
    about: ["codeFiles"],
  },
  {
    question: "Does every refund check that it happens only once?",
    questionZh: "所有配额返还是否检查refunded字段？",
    about: ["codeFiles"],
  },
  {
    question: "Is every task eligible for a refund, and refunded when it fails?",
    questionZh: "任务创建是否设置eligible_for_refund=true？",
    about: ["codeFiles", "pipelines"],
  },
  {
    question: "Does every feature cost quota, or is its approval recorded?",
    questionZh: "是否存在quota_cost=0的功能？",
    about: ["codeFiles", "features"],
  },
  {
    question: "Is no quota given back for an opinion?",
    questionZh: "是否存在基于主观评价返还配额的逻辑？",
    about: ["codeFiles", "pipelines"],
  },
  {
    question: "Are the rate limits reasonable?",
    questionZh: "限流策略是否合理？",
    about: ["features"],
  },
  {
    question: "Can only members create tasks?",
    questionZh: "会员校验是否完整？",
    about: ["codeFiles", "features"],
  },
];

/** Questions that code answers: where code wasn't analysed, none of them is answered. */
const ABOUT_CODE = [1, 2, 3, 5, 7];
const ABOUT_DOCUMENTS = [3, 4, 5, 6, 7];

/**
 * FAIL if anything fails. Nothing that nobody has judged, and no fault that somebody has let through, ever
 * gives a plain PASS.
 */
export function verdictOf(findings: readonly Finding[], suppressed: readonly SuppressedFinding[]): Verdict {
  if (findings.some(({ severity }) => severity === "FAIL")) return "FAIL";
  const isHushed = suppressed.some(({ finding }) => finding.severity !== "WARN");
  return findings.length > 0 || isHushed ? "PASS_WITH_WARNING" : "PASS";
}

/** Always the seven items, in the order of the specification. */
export function checklistOf(
  findings: readonly Finding[],
  suppressed: readonly SuppressedFinding[],
  subjects: Subjects,
): ChecklistItem[] {
  return QUESTIONS.map(({ question, questionZh, about }, index) => {
    const item = index + 1;
    const own = findings.filter((finding) => itemsOf(finding).includes(item));
    const hushed = suppressed.filter(
      ({ finding }) => finding.severity !== "WARN" && itemsOf(finding).includes(item),
    );
    const has = (severity: Finding["severity"]): boolean =>
      own.some((finding) => finding.severity === severity);
    const status = ((): ItemStatus => {
      if (has("FAIL")) return "FAILED";
      if (has("NOT_ANALYSED")) return "NOT_ANALYSED";
      if (own.length > 0 || hushed.length > 0) return "WARNED";
      return about.some((subject) => subjects[subject] > 0) ? "PASSED" : "NOT_APPLICABLE";
    })();
    const fingerprints = [...own, ...hushed.map(({ finding }) => finding)].map((one) => one.fingerprint);
    return { item, question, questionZh, status, fingerprints };
  });
}

function itemsOf({ ruleId, severity }: Finding): readonly number[] {
  // Whatever nobody could read might have answered any of its questions.
  if (severity === "NOT_ANALYSED") return ruleId < "BG100" ? ABOUT_CODE : ABOUT_DOCUMENTS;
  const item = ruleById(ruleId)?.checklistItem ?? 0;
  return item === 0 ? [] : [item];
}
