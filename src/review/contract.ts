/**
 * What the review engine takes and gives. Everything that presents a review (verdict, checklist, SARIF, suppression,
 * baseline) is built on this, and knows nothing of syntax trees.
 */

/** FAIL must be mended first, WARN should be; NOT_ANALYSED names a place that nobody has judged. */
export type Severity = "FAIL" | "WARN" | "NOT_ANALYSED";

/** A place in a file: line and column count from 1, the column and the offset in UTF-16 code units. */
export interface Position {
  readonly line: number;
  readonly column: number;
  /** Counts from 0. */
  readonly offset: number;
}

/** From `start` up to, but without, `end`. */
export interface Range {
  readonly start: Position;
  readonly end: Position;
}

/** One step of the way that the data or the control takes to the fault. */
export interface FlowStep {
  readonly path: string;
  readonly range: Range;
  readonly message: string;
}

export interface Finding {
  /** The rule that is broken, such as `BG001`; an id never changes its meaning. */
  readonly ruleId: string;
  readonly severity: Severity;
  readonly path: string;
  readonly range: Range;
  /** What is wrong, in one sentence that names the evidence. */
  readonly message: string;
  /** How to make it right, in the idiom of the library in use. */
  readonly remediation: string;
  /** In the order of execution; the last one is the place of the finding. */
  readonly steps: readonly FlowStep[];
  /** 32 hexadecimal digits, from content and names: the same when lines move, and unique within one analysis. */
  readonly fingerprint: string;
}

export interface SourceFile {
  /** Relative, with forward slashes; unique within one analysis. */
  readonly path: string;
  readonly content: string;
}

/** What one analysis may take. Whatever goes beyond ends as a NOT_ANALYSED finding that names the file. */
export interface Limits {
  /** Characters (UTF-16 code units) of one file. */
  readonly fileLength: number;
  /** Characters of all files together. */
  readonly totalLength: number;
  readonly fileCount: number;
  /** How deep brackets may nest; deeper ones could overflow a parser's stack. */
  readonly nestingDepth: number;
  /** Milliseconds that one child process may work without answering. */
  readonly stallMs: number;
  /** Milliseconds for everything. */
  readonly totalMs: number;
  /** MiB of the child's JavaScript heap. */
  readonly memoryMib: number;
}

export interface ReviewOptions {
  /**
   * `semantic`: what is safe against races passes, with a warning where it does without FOR UPDATE.
   * `strict`: by the letter, a deduction needs a transaction and FOR UPDATE.
   */
  readonly lockPolicy: "semantic" | "strict";
  readonly limits?: Partial<Limits>;
  /** Names of the caller's own quota columns, tables and functions, beside the built-in vocabulary. */
  readonly vocabulary?: Partial<VocabularyOptions>;
  /** Ends the analysis; the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called as files are read. */
  progress?(done: number, total: number): void;
  /** Where facts about unchanged files are kept; without it nothing is kept. */
  readonly cacheDirectory?: string;
}

/** Names in any spelling: `quotaLeft` and `quota_left` are one. */
export interface VocabularyOptions {
  /** Columns that hold what a user may still spend. */
  readonly balanceColumns: readonly string[];
  /** Columns that hold what a user has spent already. */
  readonly usedColumns: readonly string[];
  /** Tables whose rows are history: only inserted into. */
  readonly ledgerTables: readonly string[];
  /** Tables whose rows are tasks that cost quota. */
  readonly taskTables: readonly string[];
}

/** A comment that begins with `billing-review-`, as it stands in the file; judged by others. */
export interface SuppressionComment {
  readonly path: string;
  readonly range: Range;
  /** Without comment marks, trimmed, such as `billing-review-disable-next-line BG001 -- reason`. */
  readonly text: string;
}

export interface Analysis {
  /** By path, then place, then rule. */
  readonly findings: readonly Finding[];
  readonly filesAnalysed: number;
  readonly filesNotAnalysed: number;
  readonly comments: readonly SuppressionComment[];
}

export interface RuleDescription {
  readonly id: string;
  /** The highest severity that it gives. */
  readonly severity: Severity;
  /** What it demands, as a sentence. */
  readonly title: string;
  /** Why breaking it loses money. */
  readonly message: string;
  readonly remediation: string;
  /** The item of the specification's checklist, 1..7, that it belongs to. */
  readonly checklistItem: number;
  /** The page of the rule, relative to the repository. */
  readonly docs: string;
}
