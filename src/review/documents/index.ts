/** Reviews feature definitions and pipelines in YAML and JSON. */
import { createHash } from "node:crypto";

import { reviewFeature } from "../../billing/review/feature-rules.ts";
import type { PipelineFinding } from "../../billing/review/pipeline-rules.ts";
import { reviewPipeline } from "../../billing/review/pipeline-rules.ts";
import { stepsOf, TooManySteps, type PlainMap } from "../../billing/review/pipeline-steps.ts";
import type { Finding, Severity, SourceFile, SuppressionComment } from "../contract.ts";
import { readFeature } from "./feature.ts";
import { unknownFeatureFields, unknownPipelineFields } from "./known-fields.ts";
import { parseFile, type Fault, type ParsedFile } from "./parse.ts";
import { looksLikeOurs, mayBeOurs, recognise, type FoundFeature, type Recognised } from "./recognise.ts";
import { documentRule, DOCUMENT_RULE_IDS } from "./rules.ts";
import { Lines, placeOf, toPlain, valueOf, type MapTree, type Span, type Tree } from "./tree.ts";

export { isDocument } from "./recognise.ts";
export { DOCUMENT_RULES } from "./rules.ts";

export interface DocumentOptions {
  /** Has a second person approved that this feature costs nothing? Nobody has, when it isn't given. */
  isZeroCostApproved?(featureId: string): boolean;
}

export interface DocumentReview {
  /** By path, then place, then rule. */
  readonly findings: readonly Finding[];
  readonly comments: readonly SuppressionComment[];
  /** Files with feature definitions or pipelines in them that were judged. */
  readonly filesAnalysed: number;
  /** Files that look like it, and couldn't be read. */
  readonly filesNotAnalysed: number;
  readonly featureCount: number;
  readonly pipelineCount: number;
}

interface Opened extends Recognised {
  readonly file: SourceFile;
  readonly parsed: ParsedFile;
}

/** Files that hold nothing of the kind are passed over in silence. */
export function reviewDocuments(files: readonly SourceFile[], options: DocumentOptions = {}): DocumentReview {
  const candidates = files.filter(({ path, content }) => mayBeOurs(path, content));
  const opened = candidates.map((file): Opened => {
    const parsed = parseFile(file.path, file.content);
    return { file, parsed, ...recognise(file.path, parsed.roots) };
  });
  const known = new Set(opened.flatMap(({ pipelines }) => pipelines.flatMap(namesOf)));
  const ours = opened.filter(isOurs);
  const reviewed = ours.map((one) => new FileReview(one, known, options).findings());
  const unread = ours.filter(({ parsed }) => parsed.faults.some(({ kind }) => kind !== "duplicate"));
  return {
    findings: reviewed.flat().toSorted(byPlace),
    comments: ours.flatMap(commentsOf),
    filesAnalysed: ours.length - unread.length,
    filesNotAnalysed: unread.length,
    featureCount: opened.reduce((sum, { features }) => sum + features.length, 0),
    pipelineCount: opened.reduce((sum, { pipelines }) => sum + pipelines.length, 0),
  };
}

function isOurs({ file, parsed, features, pipelines }: Opened): boolean {
  if (features.length > 0 || pipelines.length > 0) return true;
  const isUnread = parsed.faults.some(({ kind }) => kind !== "duplicate");
  return isUnread && looksLikeOurs(file.path, file.content);
}

function namesOf(map: MapTree): string[] {
  return ["pipeline_id", "id", "name"].flatMap((field) => {
    const tree = valueOf(map, field);
    return tree?.kind === "scalar" && typeof tree.value === "string" ? [tree.value] : [];
  });
}

function commentsOf({ file, parsed }: Opened): SuppressionComment[] {
  const lines = new Lines(file.content);
  return parsed.comments
    .filter(({ text }) => text.startsWith("billing-review-"))
    .map(({ text, ...span }) => ({ path: file.path, text, range: lines.rangeOf(span) }));
}

export function byPlace(a: Finding, b: Finding): number {
  if (a.path !== b.path) return a.path < b.path ? -1 : 1;
  if (a.range.start.offset !== b.range.start.offset) return a.range.start.offset - b.range.start.offset;
  if (a.ruleId !== b.ruleId) return a.ruleId < b.ruleId ? -1 : 1;
  return a.fingerprint < b.fingerprint ? -1 : Number(a.fingerprint > b.fingerprint);
}

interface Complaint {
  readonly ruleId: string;
  readonly severity: Severity;
  readonly message: string;
  readonly remediation?: string;
  /** What it is about, in words that stay the same when lines move. */
  readonly subject: string;
}

class FileReview {
  readonly #opened: Opened;
  readonly #known: ReadonlySet<string>;
  readonly #options: DocumentOptions;
  readonly #lines: Lines;
  readonly #findings: Finding[] = [];
  readonly #seen = new Map<string, number>();

  constructor(opened: Opened, known: ReadonlySet<string>, options: DocumentOptions) {
    this.#opened = opened;
    this.#known = known;
    this.#options = options;
    this.#lines = new Lines(opened.file.content);
  }

  findings(): Finding[] {
    const { parsed, features, pipelines } = this.#opened;
    for (const fault of parsed.faults) this.#addFault(fault);
    for (const feature of features) this.#reviewFeature(feature);
    for (const pipeline of pipelines) this.#reviewPipeline(pipeline);
    return this.#findings;
  }

  #addFault(fault: Fault): void {
    const ruleId = DOCUMENT_RULE_IDS[fault.kind];
    const { severity } = documentRule(ruleId);
    this.#add(fault, { ruleId, severity, message: fault.message, subject: fault.message });
  }

  #reviewFeature({ map, name }: FoundFeature): void {
    const { terms, faults, assumption } = readFeature(map, name);
    const zeroCostApproved = this.#options.isZeroCostApproved?.(terms.featureId) ?? false;
    // A pipeline that says what it costs is looked at for unknown fields as a pipeline.
    const unknown = this.#opened.pipelines.includes(map) ? [] : unknownFeatureFields(map);
    for (const { ruleId, field, message } of [...faults, ...unknown]) {
      const { severity } = documentRule(ruleId);
      this.#add(placeOf(map, field), { ruleId, severity, message, subject: `${terms.featureId} ${field}` });
    }
    for (const finding of reviewFeature({ terms, zeroCostApproved })) {
      const subject = `${terms.featureId} ${finding.field}`;
      this.#add(placeOf(map, finding.field), {
        ...finding,
        message: `${finding.message}${assumption}`,
        subject,
      });
    }
  }

  #reviewPipeline(map: MapTree): void {
    const pipeline = toPlain(map) as PlainMap;
    const name = namesOf(map)[0] ?? "";
    const judged = reviewPipeline({ pipeline, knows: (id) => this.#known.has(id) });
    const unknown = unknownPipelineFields(map, stepFieldsOf(pipeline), (field) => treeAt(map, field));
    const said: Pick<PipelineFinding, "ruleId" | "field" | "message" | "severity">[] = [
      ...judged,
      ...unknown.map((fault) => ({ ...fault, severity: documentRule(fault.ruleId).severity })),
    ];
    for (const { field, ...rest } of said) {
      // A step is told by its words rather than by its number, which changes when one is put before it.
      this.#add(placeOf(map, field), { ...rest, subject: `${name} ${rest.message}` });
    }
  }

  #add(span: Span, complaint: Complaint): void {
    const { path } = this.#opened.file;
    const { ruleId, severity, message, subject } = complaint;
    const content = `${ruleId}\n${path}\n${subject}`;
    const count = (this.#seen.get(content) ?? 0) + 1;
    this.#seen.set(content, count);
    const range = this.#lines.rangeOf(span);
    this.#findings.push({
      ruleId,
      severity,
      path,
      range,
      message,
      remediation: complaint.remediation ?? documentRule(ruleId).remediation,
      steps: [{ path, range, message }],
      fingerprint: digest(`${content}\n${count}`),
    });
  }
}

/** 32 hexadecimal digits, as every fingerprint. */
export function digest(content: string): string {
  return createHash("sha256").update(content).digest("hex").slice(0, 32);
}

function stepFieldsOf(pipeline: PlainMap): string[] {
  try {
    return stepsOf(pipeline).map(({ field }) => field);
  } catch (error) {
    // The rules have said so already.
    if (error instanceof TooManySteps) return [];
    throw error;
  }
}

function treeAt(root: Tree, field: string): Tree | undefined {
  let tree: Tree | undefined = root;
  for (const [, key, index] of field.matchAll(/([^.[\]]+)|\[(\d+)\]/g)) {
    if (key !== undefined) tree = tree?.kind === "map" ? valueOf(tree, key) : undefined;
    else tree = tree?.kind === "list" ? tree.items[Number(index)] : undefined;
  }
  return tree;
}
