/** Runs billing-review as its users do, in a folder of its own. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { ROOT } from "../support/documents.ts";

export const PROGRAM = join(ROOT, "bin/billing-review.mjs");
export const GOOD = "pipeline_id: a\non_failure: refund_quota\nsteps:\n  - { id: x, type: make }\n";
export const BAD = GOOD.replace("refund_quota", "notify");
export const WARNED = GOOD.replace("type: make", "type: make, retries: 50");
export const CALLER = GOOD.replace("type: make", "pipeline: other");
export const UNREAD = "quota_cost: [1\n";

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

/** Where it runs; made anew for each test. */
let folder = ROOT;

export function newFolder(): string {
  folder = mkdtempSync(join(tmpdir(), "billing-review-"));
  return folder;
}

export function removeFolder(): void {
  if (folder !== ROOT) rmSync(folder, { recursive: true });
  folder = ROOT;
}

export function put(files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

export function start(words: readonly string[], program = PROGRAM): ChildProcess {
  return spawn(process.execPath, [program, ...words], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
}

export async function run(...words: string[]): Promise<Outcome> {
  return outcomeOf(start(words));
}

export async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const out = collect(child.stdout);
  const errors = collect(child.stderr);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out: out.join(""), errors: errors.join("") };
}

export function collect(stream: NodeJS.ReadableStream | null): string[] {
  const parts: string[] = [];
  stream?.on("data", (part: Buffer) => parts.push(part.toString()));
  return parts;
}

export function git(...words: string[]): void {
  const who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"];
  execFileSync("git", [...who, ...words], { cwd: folder, stdio: "pipe" });
}

export const pathsIn = ({ out }: Outcome): string[] =>
  (JSON.parse(out) as { findings: { path: string }[] }).findings.map(({ path }) => path);
