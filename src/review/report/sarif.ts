/** A review as SARIF 2.1.0, as GitHub code scanning and other viewers read it. */
import { ALL_RULES } from "../catalogue.ts";
import type { Finding, FlowStep, Range, RuleDescription } from "../contract.ts";
import type { ReviewResult } from "../review.ts";
import type { SuppressedFinding } from "../suppress.ts";
import { printable } from "./printable.ts";

const SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/** GitHub takes so many results of one run; the gravest ones come first. */
export const RESULTS_MAX = 25_000;
/** And so many places of one way. */
const STEPS_MAX = 1_000;
/**
 * The common weaknesses that the items of the checklist are about: race, double action, missing
 * authorisation.
 */
const WEAKNESSES: Readonly<Record<number, string>> = {
  1: "external/cwe/cwe-362",
  2: "external/cwe/cwe-837",
  5: "external/cwe/cwe-840",
  6: "external/cwe/cwe-770",
  7: "external/cwe/cwe-862",
};
/** Severity as GitHub sorts alerts, 0 to 10: what loses money at once is high. */
const SECURITY: Readonly<Record<number, string>> = { 1: "8.0", 2: "8.0", 7: "8.0" };
const SECURITY_ELSE = "7.0";

export interface SarifSurroundings {
  /** Of the program, such as `0.1.0`. */
  readonly version: string;
  readonly informationUri?: string;
}

/** What nobody could analyse is a notification: as an alert nobody could ever close it. */
export function sarifReport(result: ReviewResult, { version }: SarifSurroundings): string {
  const judged = result.findings.filter(({ severity }) => severity !== "NOT_ANALYSED");
  const unjudged = result.findings.filter(({ severity }) => severity === "NOT_ANALYSED");
  const results = [
    ...judged.toSorted(gravestFirst).map((finding) => resultOf(finding)),
    ...result.suppressed.map(suppressedOf),
  ];
  const report = {
    $schema: SCHEMA,
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "billing-review",
            version,
            semanticVersion: version,
            rules: ALL_RULES.map(ruleOf),
          },
        },
        columnKind: "utf16CodeUnits",
        originalUriBaseIds: { "%SRCROOT%": { description: { text: "The root of the repository." } } },
        invocations: [
          {
            executionSuccessful: unjudged.length === 0,
            toolExecutionNotifications: unjudged.slice(0, RESULTS_MAX).map(notificationOf),
          },
        ],
        properties: {
          verdict: result.verdict,
          lockPolicy: result.lockPolicy,
          checklist: result.checklist.map(({ item, status }) => ({ item, status })),
        },
        results: results.slice(0, RESULTS_MAX),
      },
    ],
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

const INDEX_OF: ReadonlyMap<string, number> = new Map(ALL_RULES.map(({ id }, index) => [id, index]));
const SUPPRESSED_LAST = { FAIL: 0, WARN: 1, NOT_ANALYSED: 2 } as const;

/** Sorting is stable: among equals the order of places stays. */
function gravestFirst(a: Finding, b: Finding): number {
  return SUPPRESSED_LAST[a.severity] - SUPPRESSED_LAST[b.severity];
}

function ruleOf({ id, severity, title, message, remediation, checklistItem, docs }: RuleDescription) {
  const weakness = WEAKNESSES[checklistItem];
  return {
    id,
    name: id,
    shortDescription: { text: title },
    fullDescription: { text: message },
    help: {
      text: `${message} ${remediation} More: ${docs}`,
      markdown: `${message}\n\n**Fix:** ${remediation}\n\nMore: \`${docs}\``,
    },
    defaultConfiguration: { level: levelOf(severity) },
    properties: {
      tags: ["billing", ...(weakness === undefined ? [] : ["security", weakness])],
      precision: severity === "FAIL" ? "very-high" : "high",
      "problem.severity": levelOf(severity),
      ...(severity === "FAIL" ? { "security-severity": SECURITY[checklistItem] ?? SECURITY_ELSE } : {}),
      checklistItem,
    },
  };
}

function levelOf(severity: Finding["severity"]): "error" | "warning" {
  return severity === "FAIL" ? "error" : "warning";
}

function resultOf(finding: Finding) {
  const { ruleId, severity, path, range, message, remediation, steps, fingerprint } = finding;
  const elsewhere = steps.filter((step) => step.path !== path);
  return {
    ruleId,
    ruleIndex: INDEX_OF.get(ruleId) ?? -1,
    level: levelOf(severity),
    message: { text: printable(`${message} ${remediation}`) },
    locations: [{ physicalLocation: placeOf(path, range) }],
    ...(elsewhere.length > 0 ? { relatedLocations: elsewhere.slice(0, STEPS_MAX).map(relatedOf) } : {}),
    ...(steps.length > 1 ? { codeFlows: [flowOf(steps)] } : {}),
    partialFingerprints: { primaryLocationLineHash: fingerprint, "billingReview/v1": fingerprint },
  };
}

function suppressedOf({ finding, suppression }: SuppressedFinding) {
  const { kind, reason, owner, expires } = suppression;
  const result = resultOf(finding);
  return {
    ...result,
    suppressions: [
      {
        kind: kind === "comment" ? "inSource" : "external",
        status: "accepted",
        justification: printable(kind === "comment" ? `${reason} (${owner}, until ${expires})` : reason),
      },
    ],
  };
}

function relatedOf({ path, range, message }: FlowStep, id: number) {
  return { id, physicalLocation: placeOf(path, range), message: { text: printable(message) } };
}

function flowOf(steps: readonly FlowStep[]) {
  const locations = steps.slice(0, STEPS_MAX).map(({ path, range, message }, index) => ({
    executionOrder: index + 1,
    location: { physicalLocation: placeOf(path, range), message: { text: printable(message) } },
  }));
  return { threadFlows: [{ locations }] };
}

function placeOf(path: string, { start, end }: Range) {
  return {
    artifactLocation: {
      uri: path.toWellFormed().split("/").map(encodeURIComponent).join("/"),
      uriBaseId: "%SRCROOT%",
    },
    region: {
      startLine: start.line,
      startColumn: start.column,
      endLine: end.line,
      endColumn: end.column,
    },
  };
}

function notificationOf({ ruleId, path, range, message, remediation }: Finding) {
  return {
    level: "warning",
    message: { text: printable(`${message} ${remediation}`) },
    locations: [{ physicalLocation: placeOf(path, range) }],
    associatedRule: { id: ruleId, index: INDEX_OF.get(ruleId) ?? -1 },
  };
}
