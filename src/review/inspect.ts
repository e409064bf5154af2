/** One analysis, in this process: from files to findings. What it can't survive is its caller's care. */
import { createHash } from "node:crypto";
import type { Finding, Range, ReviewOptions, SourceFile, SuppressionComment } from "./contract.ts";
import type { Cache } from "./cache.ts";
import { DEFAULT_LIMITS, nestingOf } from "./limits.ts";
import { evaluateAll } from "./link/entries.ts";
import type { Module } from "./link/modules.ts";
import { importsOf, resolverOf, type Resolver } from "./link/resolve.ts";
import { RULE_IDS } from "./rules.ts";
import type { Complaint } from "./rule/finding.ts";
import { fixFor } from "./rule/fix.ts";
import { judge } from "./rule/judge.ts";
import { judgeSource } from "./rule/source.ts";
import { sqlFacts } from "./sql/facts.ts";
import { commentsOf } from "./sql/tokens.ts";
import { isSuppression, suppressionsOf } from "./syntax/comments.ts";
import { linesOf, type Lines } from "./syntax/lines.ts";
import { extensionOf, isScript, parse } from "./syntax/parse.ts";
import { MEMBERSHIP_WORDS, vocabularyOf, type Vocabulary } from "./vocabulary.ts";

export interface Inspection {
  readonly findings: readonly Finding[];
  readonly comments: readonly SuppressionComment[];
  /** Paths of files that nobody has judged. */
  readonly notAnalysed: readonly string[];
}

export interface InspectOptions {
  readonly strict: boolean;
  readonly vocabulary?: ReviewOptions["vocabulary"] | undefined;
  readonly cache?: Cache;
  readonly nestingDepth?: number;
  /** Said before and after each file, so that whoever watches knows which one is at work. */
  at(path: string, done: boolean): void;
}

/** Code in languages that aren't read. */
const OTHER_LANGUAGES = new Set([
  "py",
  "go",
  "java",
  "kt",
  "rb",
  "php",
  "cs",
  "rs",
  "scala",
  "swift",
  "ex",
  "exs",
  "c",
  "cc",
  "cpp",
  "vue",
  "svelte",
  "lua",
  "pl",
  "groovy",
  "dart",
]);
const WRITES = /update|decrement|increment|save|insert|deduct|consume|refund|-=|\+=|扣|返还/i;

export function inspect(files: readonly SourceFile[], options: InspectOptions): Inspection {
  const sorted = [...files].sort((left, right) => (left.path < right.path ? -1 : 1));
  const sources = new Map(sorted.map(({ path, content }) => [path, content]));
  const complaints: Complaint[] = [];
  const comments: SuppressionComment[] = [];
  const resolver = resolverOf(sorted.filter(({ path }) => isScript(path)).map(({ path }) => path));
  const vocabulary = vocabularyOf(options.vocabulary);
  const wanted = relevantPaths(sorted, resolver, vocabulary);
  const modules = new Map<string, Module>();
  for (const { path, content } of sorted) {
    options.at(path, false);
    if (isScript(path)) {
      const read = readScript({ path, content }, wanted.has(path), options);
      comments.push(...read.comments);
      if (read.complaint) complaints.push(read.complaint);
      if (read.module) modules.set(path, read.module);
    } else if (extensionOf(path) === "sql") {
      comments.push(...suppressionsOf(path, content, commentsOf(content)));
    } else if (
      OTHER_LANGUAGES.has(extensionOf(path)) &&
      vocabulary.concerns(content) &&
      WRITES.test(content)
    ) {
      complaints.push(
        whole(
          RULE_IDS.otherLanguage,
          path,
          content,
          "the file speaks of quota, in a language that isn't read",
        ),
      );
    }
    options.at(path, true);
  }
  const notAnalysed = complaints.map(({ place }) => place.path);
  const sql = sqlFacts(sorted.filter(({ path }) => extensionOf(path) === "sql"));
  const evaluated = evaluateAll(modules, resolver, {
    at: (path, done) => options.at(path, done),
    concerns: vocabulary.concerns,
  });
  const content = [...sources.values()];
  const settings = {
    vocabulary,
    schema: sql.schema,
    strict: options.strict,
    routines: sql.routines,
    platform: {
      own: content.some((text) => /quota|eligible_?for_?refund|配额/i.test(text)),
      members: content.some((text) => MEMBERSHIP_WORDS.test(text)),
    },
  };
  complaints.push(
    ...judge({ traces: [...evaluated.traces, ...sql.traces], tooLong: evaluated.tooLong }, settings),
  );
  for (const module of modules.values()) complaints.push(...judgeSource(module));
  return {
    findings: toFindings(complaints, sources),
    comments: comments.sort(byPlace),
    notAnalysed: [...new Set(notAnalysed)].sort(),
  };
}

interface Read {
  readonly comments: readonly SuppressionComment[];
  readonly complaint?: Complaint;
  readonly module?: Module;
}

function readScript(
  { path, content }: SourceFile,
  wanted: boolean,
  { cache, nestingDepth = DEFAULT_LIMITS.nestingDepth }: InspectOptions,
): Read {
  const known = cache?.get(extensionOf(path), content);
  if (known?.error) return { comments: [], complaint: syntaxError(path, known.error) };
  if (known && !wanted) return { comments: suppressionsOf(path, content, known.comments) };
  if (nestingOf(content, nestingDepth) > nestingDepth) {
    const message = `brackets nest deeper than ${nestingDepth}`;
    return { comments: [], complaint: whole(RULE_IDS.limitReached, path, content, message) };
  }
  const parsed = parse(path, content);
  if ("error" in parsed) {
    const error = { message: parsed.error, start: parsed.start, end: parsed.end };
    cache?.set(extensionOf(path), content, { error, comments: [] });
    return { comments: [], complaint: syntaxError(path, error) };
  }
  const own = parsed.comments.filter(({ text }) => isSuppression(text));
  if (!known) cache?.set(extensionOf(path), content, { comments: own });
  const comments = suppressionsOf(path, content, own);
  return wanted ? { comments, module: { path, source: content, program: parsed.program } } : { comments };
}

function syntaxError(
  path: string,
  { message, start, end }: { message: string; start: number; end: number },
): Complaint {
  return {
    ruleId: RULE_IDS.unparsable,
    severity: "NOT_ANALYSED",
    place: { path, start, end: Math.max(start, end) },
    message: `the file can't be parsed: ${message}`,
    steps: [],
  };
}

function whole(ruleId: string, path: string, content: string, message: string): Complaint {
  return {
    ruleId,
    severity: "NOT_ANALYSED",
    place: { path, start: 0, end: Math.min(content.length, 1) },
    message,
    steps: [],
  };
}

/** Files that speak of quota, those that they import, and those that import them, at any remove. */
function relevantPaths(
  files: readonly SourceFile[],
  resolver: Resolver,
  vocabulary: Vocabulary,
): Set<string> {
  const imports = new Map<string, string[]>();
  const importers = new Map<string, string[]>();
  const scripts = files.filter(({ path }) => isScript(path));
  for (const { path, content } of scripts) {
    const targets = importsOf(content)
      .map((specifier) => resolver.resolve(path, specifier))
      .filter((target) => target !== undefined);
    imports.set(path, targets);
    for (const target of targets) {
      const known = importers.get(target);
      if (known) known.push(path);
      else importers.set(target, [path]);
    }
  }
  const concerned = scripts.filter(({ content }) => vocabulary.concerns(content)).map(({ path }) => path);
  const above = closure(concerned, importers);
  return closure([...above], imports);
}

function closure(start: readonly string[], next: ReadonlyMap<string, readonly string[]>): Set<string> {
  const found = new Set(start);
  const queue = [...start];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    for (const other of next.get(path) ?? []) {
      if (found.has(other)) continue;
      found.add(other);
      queue.push(other);
    }
  }
  return found;
}

function toFindings(complaints: readonly Complaint[], sources: ReadonlyMap<string, string>): Finding[] {
  const lines = new Map<string, Lines>();
  const rangeOf = (place: Complaint["place"]): Range => {
    const known = lines.get(place.path) ?? linesOf(sources.get(place.path) ?? "");
    lines.set(place.path, known);
    return known.rangeOf(place.start, place.end);
  };
  const findings = complaints
    .map((complaint): Finding => {
      const { ruleId, severity, place, message, remediation, steps } = complaint;
      return {
        ruleId,
        severity,
        path: place.path,
        range: rangeOf(place),
        message,
        remediation: remediation ?? fixFor(ruleId, ""),
        steps: steps.map((step) => ({
          path: step.place.path,
          range: rangeOf(step.place),
          message: step.message,
        })),
        fingerprint: "",
      };
    })
    .sort(
      (left, right) =>
        byPlace(left, right) || compare(left.ruleId, right.ruleId) || compare(left.message, right.message),
    );
  return withFingerprints(findings, sources);
}

/** Rule, file and text, without white space; the same thing twice in a file is counted. */
function withFingerprints(findings: readonly Finding[], sources: ReadonlyMap<string, string>): Finding[] {
  const seen = new Map<string, number>();
  return findings.map((finding) => {
    const { range, path, ruleId } = finding;
    const text = (sources.get(path) ?? "").slice(range.start.offset, range.end.offset).replaceAll(/\s+/g, "");
    const key = `${ruleId}\n${path}\n${text}`;
    const count = seen.get(key) ?? 0;
    seen.set(key, count + 1);
    const fingerprint = createHash("sha256")
      .update(`${key}\n${count}`)
      .digest("hex")
      .slice(0, FINGERPRINT_LENGTH);
    return { ...finding, fingerprint };
  });
}

const FINGERPRINT_LENGTH = 32;

/** The order of everything that has a place. */
export function byPlace(left: { path: string; range: Range }, right: { path: string; range: Range }): number {
  return (
    compare(left.path, right.path) ||
    left.range.start.offset - right.range.start.offset ||
    left.range.end.offset - right.range.end.offset
  );
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
