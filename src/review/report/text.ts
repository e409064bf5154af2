/** A review for people: each finding with its lines of code and the way that leads there. */
import { stripVTControlCharacters, styleText } from "node:util";

import type { Finding, FlowStep, Range, SourceFile } from "../contract.ts";
import type { ReviewResult } from "../review.ts";
import type { ItemStatus } from "../verdict.ts";
import { oneLine, printable } from "./printable.ts";

type Style = "red" | "yellow" | "green" | "cyan" | "dim" | "bold" | "magenta";

const STYLE_OF: Readonly<Record<string, Style>> = {
  FAIL: "red",
  WARN: "yellow",
  NOT_ANALYSED: "magenta",
  FAILED: "red",
  WARNED: "yellow",
  PASSED: "green",
  NOT_APPLICABLE: "dim",
  PASS: "green",
  PASS_WITH_WARNING: "yellow",
};
const MARKS: Readonly<Record<ItemStatus, string>> = {
  PASSED: "ok",
  WARNED: "warn",
  FAILED: "FAIL",
  NOT_ANALYSED: "????",
  NOT_APPLICABLE: "-",
};
/** Lines shown before and after the place. */
const CONTEXT_LINES = 1;
/** A line longer than this is cut around the place: minified code is one line. */
const WIDTH_MAX = 120;
/** Lines marked of a finding that spans many. */
const LINES_MAX = 4;

export function textReport(result: ReviewResult, files: readonly SourceFile[], hasColor: boolean): string {
  const paint = (style: Style, text: string): string =>
    hasColor ? styleText(style, text, { validateStream: false }) : text;
  const lines = new Map(files.map(({ path, content }) => [path, content.split(/\r?\n/)]));
  const parts = result.findings.map((finding) => describe(finding, lines, paint));
  if (result.suppressed.length > 0) parts.push(suppressedOf(result, paint));
  parts.push(checklistOf(result, paint), summaryOf(result, paint));
  return `${parts.join("\n\n")}\n`;
}

type Paint = (style: Style, text: string) => string;
type Lines = ReadonlyMap<string, readonly string[]>;

function describe(finding: Finding, lines: Lines, paint: Paint): string {
  const { ruleId, severity, path, range, steps } = finding;
  const style = STYLE_OF[severity] ?? "bold";
  const head = `${paint(style, `${severity} ${ruleId}`)} ${paint("bold", placeOf(path, range))}`;
  const way = steps.length > 1 ? steps.map((step, at) => stepOf(step, at, lines, paint)) : [];
  const parts = [head, `  ${oneLine(finding.message)}`, frameOf(path, range, lines, paint), ...way];
  const fix = `  ${paint("cyan", "fix:")} ${oneLine(finding.remediation)}`;
  const more = `  ${paint("dim", `billing-review --explain ${ruleId}`)}`;
  return [...parts, fix, more].filter((part) => part !== "").join("\n");
}

function stepOf({ path, range, message }: FlowStep, at: number, lines: Lines, paint: Paint): string {
  const code = oneLine(lines.get(path)?.[range.start.line - 1] ?? "").slice(0, WIDTH_MAX);
  const head = `  ${paint("dim", `${at + 1}.`)} ${placeOf(path, range)} ${oneLine(message)}`;
  return code === "" ? head : `${head}\n     ${paint("dim", code)}`;
}

function placeOf(path: string, { start }: Range): string {
  return `${oneLine(path)}:${start.line}:${start.column}`;
}

function frameOf(path: string, { start, end }: Range, lines: Lines, paint: Paint): string {
  const all = lines.get(path);
  if (all === undefined || all[start.line - 1] === undefined) return "";
  const last = Math.min(end.line, start.line + LINES_MAX - 1);
  const from = Math.max(1, start.line - CONTEXT_LINES);
  const to = Math.min(all.length, last + CONTEXT_LINES);
  const width = String(to).length;
  const shown: string[] = [];
  for (let line = from; line <= to; line += 1) {
    const isMarked = line >= start.line && line <= last;
    const raw = all[line - 1] ?? "";
    const first = line === start.line ? start.column - 1 : raw.length - raw.trimStart().length;
    const after = end.column - 1;
    const cut = isMarked ? Math.max(0, first - WIDTH_MAX / 2) : 0;
    const code = printable(raw.slice(cut, cut + WIDTH_MAX).replaceAll("\t", " "));
    const number = paint("dim", `${String(line).padStart(width)} |`);
    const gutter = `  ${isMarked ? paint("red", ">") : " "} ${number}`;
    shown.push(`${gutter} ${code}`.trimEnd());
    // Of what spans several lines the margin says enough.
    if (!isMarked || end.line > start.line) continue;
    const marks = "^".repeat(Math.max(1, Math.min(after, cut + WIDTH_MAX) - first));
    const blank = " ".repeat(stripVTControlCharacters(gutter).length - 1);
    shown.push(`${blank}${paint("dim", "|")} ${" ".repeat(first - cut)}${paint("red", marks)}`);
  }
  return shown.join("\n");
}

function suppressedOf({ suppressed }: ReviewResult, paint: Paint): string {
  const rows = suppressed.map(({ finding: { ruleId, path, range }, suppression }) => {
    const { kind, owner, expires, reason } = suppression;
    const word = kind === "comment" ? `${oneLine(owner)}, until ${expires}: ` : "";
    return `  ${ruleId} ${placeOf(path, range)} ${paint("dim", `(${word}${oneLine(reason)})`)}`;
  });
  return [paint("bold", `Suppressed: ${suppressed.length}`), ...rows].join("\n");
}

function checklistOf({ checklist }: ReviewResult, paint: Paint): string {
  const rows = checklist.map(({ item, question, questionZh, status }) => {
    const mark = paint(STYLE_OF[status] ?? "bold", MARKS[status].padStart(4));
    return `  ${mark}  ${item}. ${question} ${paint("dim", questionZh)}`;
  });
  return [paint("bold", "Checklist"), ...rows].join("\n");
}

function summaryOf(result: ReviewResult, paint: Paint): string {
  const count = (severity: Finding["severity"]): number =>
    result.findings.filter((finding) => finding.severity === severity).length;
  const verdict = paint(STYLE_OF[result.verdict] ?? "bold", result.verdict);
  const numbers = [
    `${count("FAIL")} failed`,
    `${count("WARN")} warned`,
    `${count("NOT_ANALYSED")} not analysed`,
    `${result.suppressed.length} suppressed`,
    `${result.filesAnalysed} files analysed`,
    `lock policy ${result.lockPolicy}`,
  ];
  return `${verdict}: ${numbers.join(", ")}`;
}
