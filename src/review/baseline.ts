/**
 * A baseline: the faults that were there before the reviewer came, told by their content. They are let
 * through and shown; new ones are not. What has been mended must leave the file, so that it only gets
 * shorter.
 */
import { z } from "zod";

import type { Finding } from "./contract.ts";
import { findingAbout, type Suppressed, type SuppressedFinding } from "./suppress.ts";
import { SUPPRESSION_RULE_IDS } from "./suppression-rules.ts";

const VERSION = 1;
/** More than any code base has; a file beyond it is no baseline. */
const ENTRIES_MAX = 100_000;

const FORM = z.strictObject({
  version: z.literal(VERSION),
  findings: z
    .array(
      z.strictObject({
        fingerprint: z.string().regex(/^[0-9a-f]{32}$/),
        rule_id: z.string().regex(/^BG\d{3}$/),
        path: z.string().min(1),
      }),
    )
    .max(ENTRIES_MAX),
});

export type Baseline = z.infer<typeof FORM>;

export class BadBaseline extends Error {}

/** @throws BadBaseline when it is none */
export function readBaseline(text: string): Baseline {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new BadBaseline("it is no JSON");
  }
  const read = FORM.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new BadBaseline(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "it is no baseline"}`);
}

/** The same findings give the same bytes. Findings about suppressions are never taken in. */
export function writeBaseline(findings: readonly Finding[]): string {
  const entries = findings
    .filter(({ ruleId }) => !ruleId.startsWith("BG9"))
    .map(({ fingerprint, ruleId, path }) => ({ fingerprint, rule_id: ruleId, path }))
    .toSorted(
      (a, b) =>
        compare(a.path, b.path) || compare(a.rule_id, b.rule_id) || compare(a.fingerprint, b.fingerprint),
    );
  return `${JSON.stringify({ version: VERSION, findings: entries }, null, 2)}\n`;
}

export interface GivenBaseline {
  /** Where it stands: its own faults are reported there. */
  readonly path: string;
  readonly content: Baseline;
  /** Was this file reviewed, or is it gone? What stands in files that weren't looked at is not stale. */
  isSettled(path: string): boolean;
}

export function applyBaseline(findings: readonly Finding[], given: GivenBaseline): Suppressed {
  const { path, content: baseline } = given;
  const known = new Map(baseline.findings.map((entry) => [keyOf(entry.rule_id, entry.fingerprint), entry]));
  const left: Finding[] = [];
  const suppressed: SuppressedFinding[] = [];
  for (const finding of findings) {
    if (known.delete(keyOf(finding.ruleId, finding.fingerprint))) {
      suppressed.push({
        finding,
        suppression: { kind: "baseline", reason: `listed in ${path}`, owner: "", expires: "" },
      });
    } else left.push(finding);
  }
  const start = { line: 1, column: 1, offset: 0 };
  const settled = [...known.values()].filter((entry) => given.isSettled(entry.path));
  const stale = settled.map((entry) =>
    findingAbout(
      {
        ruleId: SUPPRESSION_RULE_IDS.stale,
        path,
        range: { start, end: start },
        message: `the baseline lists ${entry.rule_id} in ${entry.path}, which is no longer found`,
      },
      `${SUPPRESSION_RULE_IDS.stale}\n${keyOf(entry.rule_id, entry.fingerprint)}`,
    ),
  );
  return { findings: [...left, ...stale], suppressed };
}

function keyOf(ruleId: string, fingerprint: string): string {
  return `${ruleId}\n${fingerprint}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
