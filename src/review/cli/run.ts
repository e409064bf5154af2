/**
 * billing-review: finds the files, has them reviewed, reports, and says by its exit code what a pipeline
 * may do.
 */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";

import { BadBaseline, readBaseline, writeBaseline, type GivenBaseline } from "../baseline.ts";
import { ALL_RULES, ruleById } from "../catalogue.ts";
import type { Limits, SourceFile } from "../contract.ts";
import { githubReport, jsonReport, sarifReport, textReport } from "../report/index.ts";
import { review, type ReviewResult, type WholeReviewOptions } from "../review.ts";
import { parseCommand, USAGE, UsageError, type Format, type Settings } from "./arguments.ts";
import { readConfig, type Config } from "./config.ts";
import { findFiles, readFiles } from "./files.ts";
import { changedFiles } from "./git.ts";
import { packageVersion, rulePage } from "./package-files.ts";
import { onChanges } from "./watch.ts";

export const EXIT = { PASSED: 0, FAILED: 1, USAGE: 2, NOT_ANALYSED: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What a review from the command line touches of the process that it runs in. */
export interface Surroundings {
  /** Without the program and its file. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Given the report, which ends with a line break. */
  readonly print: (text: string) => void;
  /** Given what only people read; without a line break at its end. */
  readonly warn: (text: string) => void;
  /** Overwrites the line that shows how far it is; undefined where nobody looks. */
  readonly showProgress: ((text: string) => void) | undefined;
  /** True where the report goes to a terminal that shows colours. */
  readonly isTerminal: boolean;
  /** The day by which suppressions end, as `2026-11-23`. */
  readonly today: () => string;
  /** Ends `--watch`, and a review under way. */
  readonly signal: AbortSignal;
}

const BASELINE_NAME = "billing-review-baseline.json";
const CACHE_FOLDER = "node_modules/.cache/billing-review";
/** Whole repositories, on the machine of whoever asks: far more than one call of the service may take. */
const LIMITS: Partial<Limits> = {
  fileCount: 100_000,
  totalLength: 1024 * 1024 * 1024,
  totalMs: 15 * 60_000,
};

/** Never throws for what a user can do wrong; whatever else is thrown is not a PASS. */
export async function runReview(surroundings: Surroundings): Promise<ExitCode> {
  const { argv, print, warn } = surroundings;
  try {
    const command = parseCommand(argv);
    if (command.name === "review") return await reviewOnce(command.settings, surroundings);
    if (command.name === "explain") print(explain(command.ruleId));
    else print(command.name === "help" ? `${USAGE}\n` : listOfRules());
    return EXIT.PASSED;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    warn(`billing-review: ${error.message}\nbilling-review --help says more.`);
    return EXIT.USAGE;
  }
}

function listOfRules(): string {
  return ALL_RULES.map(({ id, severity, title }) => `${id}  ${severity.padEnd(12)}  ${title}\n`).join("");
}

function explain(ruleId: string): string {
  const rule = ruleById(ruleId.toUpperCase());
  if (rule === undefined) throw new UsageError(`there is no rule ${ruleId}; --list-rules shows all`);
  return rulePage(rule.docs);
}

async function reviewOnce(settings: Settings, surroundings: Surroundings): Promise<ExitCode> {
  const { cwd, signal, warn } = surroundings;
  let code = await reviewNow(settings, surroundings);
  if (!settings.watches) return code;
  warn("billing-review: waiting for changes");
  await onChanges(cwd, settings.paths, signal, async () => {
    try {
      code = await reviewNow(settings, surroundings);
      warn("billing-review: waiting for changes");
    } catch (error) {
      // The next change may bring the file back.
      if (error instanceof UsageError) warn(`billing-review: ${error.message}`);
      else if (!signal.aborted) throw error;
    }
  });
  return code;
}

async function reviewNow(settings: Settings, surroundings: Surroundings): Promise<ExitCode> {
  const { cwd } = surroundings;
  const config = await readConfig(cwd, settings.config);
  const paths = await findFiles(cwd, settings.paths, config.ignore);
  const files = await readFiles(cwd, paths);
  const options = await optionsOf(settings, config, surroundings, new Set(paths));
  const result = await review(files, options);
  surroundings.showProgress?.("");
  if (settings.writesBaseline) return keepBaseline(result, settings, config, surroundings);
  await report(result, files, settings, surroundings);
  return exitCodeOf(result, settings.maxWarnings ?? config.max_warnings);
}

async function optionsOf(
  settings: Settings,
  config: Config,
  { cwd, signal, today, showProgress }: Surroundings,
  paths: ReadonlySet<string>,
): Promise<WholeReviewOptions> {
  const baselinePath = settings.baseline ?? config.baseline;
  const { vocabulary } = config;
  const { changedSince } = settings;
  const cacheDirectory = cacheOf(settings, cwd);
  return {
    lockPolicy: settings.lockPolicy ?? config.lock_policy ?? "semantic",
    limits: LIMITS,
    vocabulary: {
      balanceColumns: vocabulary.balance_columns,
      usedColumns: vocabulary.used_columns,
      ledgerTables: vocabulary.ledger_tables,
      taskTables: vocabulary.task_tables,
    },
    signal,
    today: today(),
    ...(settings.showsProgress && showProgress
      ? { progress: (done, total) => showProgress(`${done} of ${total} files`) }
      : {}),
    ...(cacheDirectory === undefined ? {} : { cacheDirectory }),
    ...(baselinePath === undefined || settings.writesBaseline
      ? {}
      : { baseline: await baselineAt(cwd, baselinePath, paths) }),
    ...(changedSince === undefined ? {} : { changedPaths: await changedFiles(cwd, changedSince) }),
  };
}

/** Where there is no node_modules the folder isn't ours to fill. */
function cacheOf({ usesCache, cacheDirectory }: Settings, cwd: string): string | undefined {
  if (!usesCache) return undefined;
  if (cacheDirectory !== undefined) return resolve(cwd, cacheDirectory);
  return existsSync(resolve(cwd, "node_modules")) ? resolve(cwd, CACHE_FOLDER) : undefined;
}

async function baselineAt(cwd: string, path: string, reviewed: ReadonlySet<string>): Promise<GivenBaseline> {
  try {
    const content = readBaseline(await readFile(resolve(cwd, path), "utf8"));
    const isSettled = (file: string): boolean => reviewed.has(file) || !existsSync(resolve(cwd, file));
    return { path, content, isSettled };
  } catch (error) {
    if (error instanceof BadBaseline) throw new UsageError(`the baseline ${path}: ${error.message}`);
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new UsageError(`the baseline ${path} can't be read; --write-baseline writes one`);
  }
}

async function keepBaseline(
  result: ReviewResult,
  settings: Settings,
  config: Config,
  { cwd, warn }: Surroundings,
): Promise<ExitCode> {
  const path = settings.baseline ?? config.baseline ?? BASELINE_NAME;
  await writeFile(resolve(cwd, path), writeBaseline(result.findings));
  warn(`billing-review: ${path} lists ${result.findings.length} findings, which --baseline lets through`);
  return EXIT.PASSED;
}

async function report(
  result: ReviewResult,
  files: readonly SourceFile[],
  settings: Settings,
  { cwd, env, isTerminal, print, warn }: Surroundings,
): Promise<void> {
  const hasColor = isTerminal && settings.output === undefined && !env["NO_COLOR"];
  const writers: Readonly<Record<Format, () => string>> = {
    text: () => textReport(result, files, hasColor),
    json: () => jsonReport(result),
    sarif: () => sarifReport(result, { version: packageVersion() }),
    github: () => githubReport(result),
  };
  const text = writers[settings.format]();
  if (settings.output === undefined) print(text);
  else {
    await writeFile(resolve(cwd, settings.output), text);
    warn(`billing-review: ${result.verdict}, ${result.findings.length} findings in ${settings.output}`);
  }
}

function exitCodeOf({ verdict, findings }: ReviewResult, maxWarnings: number | undefined): ExitCode {
  if (verdict === "FAIL") return EXIT.FAILED;
  const warnings = findings.filter(({ severity }) => severity === "WARN").length;
  if (maxWarnings !== undefined && warnings > maxWarnings) return EXIT.FAILED;
  return findings.some(({ severity }) => severity === "NOT_ANALYSED") ? EXIT.NOT_ANALYSED : EXIT.PASSED;
}
