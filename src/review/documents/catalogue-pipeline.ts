/**
 * A text that is to be one pipeline of the catalogue. Here nothing is passed over: what isn't that pipeline, and all of
 * it, is a finding, and no comment in the text lets any finding through.
 */
import {
  FEATURES_MAX,
  FINDINGS_MAX,
  type PipelineReview,
  type PipelineSource,
  type PlacedFinding,
} from "../../billing/catalog/pipeline.ts";
import { CALLER_ID, type FeatureId } from "../../billing/id.ts";
import { snake } from "../../billing/review/pipeline-steps.ts";
import type { Range } from "../contract.ts";
import { reviewDocuments } from "./index.ts";
import { parseFile } from "./parse.ts";
import { recognise } from "./recognise.ts";
import { documentRule, DOCUMENT_RULE_IDS } from "./rules.ts";
import { headOf, Lines, valueOf, type Entry, type Span, type Tree } from "./tree.ts";

/** Names under which a text is surely taken for a pipeline; its own might be that of a build's file. */
const REVIEWED_AS = { YAML: "pipelines/pipeline.yaml", JSON: "pipelines/pipeline.json" } as const;
/** UTF-16 code units of a message: names of steps stand in it, which may be as long as the text. */
const MESSAGE_MAX = 300;
const WEIGHT = { FAIL: 0, NOT_ANALYSED: 1, WARN: 2 } as const;

/** Without the hash of the text, which isn't the parser's business. */
export type ReadPipeline = Omit<PipelineReview, "contentSha256">;

/** Takes as long as the text makes the parser work: to be called in a process that may be killed. */
export function readPipeline({ pipelineId, format, content }: PipelineSource): ReadPipeline {
  const path = REVIEWED_AS[format];
  const reviewed = reviewDocuments([{ path, content }]);
  const own = new OwnFindings(content);
  const { roots, faults } = parseFile(path, content);
  const [root] = roots;
  const featureIds = root === undefined ? [] : featuresIn(root, own);
  // What couldn't be read is said already.
  const isRead = faults.every(({ kind }) => kind === "duplicate");
  if (root !== undefined) checkIdentity(root, pipelineId, own);
  if (isRead && (roots.length !== 1 || !recognise(path, roots).pipelines.some((map) => map === root))) {
    own.add(root === undefined ? { from: 0, to: 0 } : headOf(root), {
      ruleId: DOCUMENT_RULE_IDS.value,
      message: "the text isn't one pipeline: a map with steps or stages, which are maps",
    });
  }
  const findings = [...reviewed.findings.map(placed), ...own.findings].toSorted(byWeight);
  return { featureIds, verdict: verdictOf(findings), findings: findings.slice(0, FINDINGS_MAX) };
}

/** What is said of a text of which nobody has read all. */
export function unreadable(why: string): ReadPipeline {
  const own = new OwnFindings("");
  own.add({ from: 0, to: 0 }, { ruleId: DOCUMENT_RULE_IDS.limit, message: why });
  return { featureIds: [], verdict: verdictOf(own.findings), findings: own.findings };
}

function verdictOf(findings: readonly PlacedFinding[]): PipelineReview["verdict"] {
  if (findings.some(({ severity }) => severity !== "WARN")) return "FAIL";
  return findings.length > 0 ? "PASS_WITH_WARNING" : "PASS";
}

/** A text under another pipeline's name would be found under neither. */
function checkIdentity(root: Tree, pipelineId: string, own: OwnFindings): void {
  const named = root.kind === "map" ? valueOf(root, "pipeline_id") : undefined;
  if (named === undefined || (named.kind === "scalar" && String(named.value) === pipelineId)) return;
  own.add(headOf(named), {
    ruleId: DOCUMENT_RULE_IDS.value,
    message: `pipeline_id isn't ${pipelineId}, under which the pipeline is kept`,
  });
}

/** Every feature_id, wherever it stands; one that isn't written out is a finding. */
function featuresIn(root: Tree, own: OwnFindings): FeatureId[] {
  const found = new Set<string>();
  // What an anchor names is looked at once, however often it is used.
  const seen = new Set<Tree>();
  const open: Tree[] = [root];
  for (let tree = open.pop(); tree !== undefined; tree = open.pop()) {
    if (seen.has(tree) || tree.kind === "scalar") continue;
    seen.add(tree);
    if (tree.kind === "list") open.push(...tree.items);
    else {
      for (const entry of tree.entries) {
        open.push(entry.value);
        if (snake(entry.key) === "feature_id") addFeature(entry, found, own);
      }
    }
  }
  if (found.size > FEATURES_MAX) {
    const message = `the pipeline uses ${found.size} features, and ${FEATURES_MAX} is the limit`;
    own.add(headOf(root), { ruleId: DOCUMENT_RULE_IDS.limit, message });
  }
  return [...found].toSorted().slice(0, FEATURES_MAX) as FeatureId[];
}

function addFeature({ keySpan, value }: Entry, found: Set<string>, own: OwnFindings): void {
  if (value.kind === "scalar" && typeof value.value === "string" && CALLER_ID.test(value.value)) {
    found.add(value.value);
    return;
  }
  const message =
    "feature_id must be the id of a feature, written out: which one it is decides what it costs";
  own.add(keySpan, { ruleId: DOCUMENT_RULE_IDS.value, message });
}

class OwnFindings {
  readonly findings: PlacedFinding[] = [];
  readonly #lines: Lines;

  constructor(content: string) {
    this.#lines = new Lines(content);
  }

  add(span: Span, { ruleId, message }: { readonly ruleId: string; readonly message: string }): void {
    const { severity, remediation } = documentRule(ruleId);
    this.findings.push(placed({ ruleId, severity, message, remediation, range: this.#lines.rangeOf(span) }));
  }
}

type Found = Pick<PlacedFinding, "ruleId" | "severity" | "message" | "remediation"> & {
  readonly range: Range;
};

function placed({ ruleId, severity, message, remediation, range: { start, end } }: Found): PlacedFinding {
  return {
    ruleId,
    severity,
    message: shortened(message),
    remediation,
    line: start.line,
    column: start.column,
    endLine: end.line,
    endColumn: end.column,
  };
}

function shortened(text: string): string {
  const cut = text.length <= MESSAGE_MAX ? text : `${text.slice(0, MESSAGE_MAX)}…`;
  return cut.toWellFormed();
}

function byWeight(a: PlacedFinding, b: PlacedFinding): number {
  return WEIGHT[a.severity] - WEIGHT[b.severity] || a.line - b.line || a.column - b.column;
}
