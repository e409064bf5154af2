/** The command line of billing-review: its words and its rules. */
import { parseArgs } from "node:util";

export const USAGE = `billing-review [PATH|GLOB]... [options]   reviews code, features and pipelines
billing-review --list-rules              every rule, one a line
billing-review --explain BG001           why a rule is there, with examples

  --format text|json|sarif|github   how to report; text
  --output FILE            write the report there, and the verdict to standard error
  --lock-policy semantic|strict     strict: by the letter, a deduction needs FOR UPDATE; semantic
  --baseline FILE          let through what this file lists, and say what is no longer found
  --write-baseline         write what is found now into the baseline, and pass
  --changed-since REF      report only what touches files changed since REF; all files are analysed
  --max-warnings N         fail when there are more warnings than N
  --config FILE            settings; billing-review.json where there is one
  --cache-dir DIR          where facts about unchanged files are kept; node_modules/.cache/billing-review
  --no-cache               keep nothing
  --watch                  review again whenever a file changes
  --no-progress            no line about how far it is, on a terminal
  --help                   this text

PATH is a folder or a file; without any it is the current folder. What git ignores is left out, and so
are node_modules, dist and .git.
Exit: 0 passed, also with warnings; 1 failed; 2 wrong usage; 3 something could not be analysed.`;

export const FORMATS = ["text", "json", "sarif", "github"] as const;
export type Format = (typeof FORMATS)[number];
export const LOCK_POLICIES = ["semantic", "strict"] as const;
export type LockPolicy = (typeof LOCK_POLICIES)[number];

/** The command line is wrong, or names what isn't there; the message says how. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export type Command =
  | { readonly name: "help" | "list-rules" }
  | { readonly name: "explain"; readonly ruleId: string }
  | { readonly name: "review"; readonly settings: Settings };

/** As it was given: undefined means that the configuration or the default counts. */
export interface Settings {
  readonly paths: readonly string[];
  readonly format: Format;
  readonly output: string | undefined;
  readonly lockPolicy: LockPolicy | undefined;
  readonly baseline: string | undefined;
  readonly writesBaseline: boolean;
  readonly changedSince: string | undefined;
  readonly maxWarnings: number | undefined;
  readonly config: string | undefined;
  readonly cacheDirectory: string | undefined;
  readonly usesCache: boolean;
  readonly watches: boolean;
  readonly showsProgress: boolean;
}

const OPTIONS = {
  format: { type: "string", short: "f" },
  output: { type: "string", short: "o" },
  "lock-policy": { type: "string" },
  baseline: { type: "string" },
  "write-baseline": { type: "boolean" },
  "changed-since": { type: "string" },
  "max-warnings": { type: "string" },
  config: { type: "string", short: "c" },
  "cache-dir": { type: "string" },
  cache: { type: "boolean" },
  watch: { type: "boolean" },
  progress: { type: "boolean" },
  "list-rules": { type: "boolean" },
  explain: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

/** @throws UsageError */
export function parseCommand(argv: readonly string[]): Command {
  const { values, positionals } = parsed(argv);
  if (values.help) return { name: "help" };
  if (values["list-rules"]) return { name: "list-rules" };
  if (values.explain !== undefined) return { name: "explain", ruleId: values.explain };
  const changedSince = values["changed-since"];
  // Git would take it for one of its own options.
  if (changedSince !== undefined && !/^[^-\s]\S*$/.test(changedSince)) {
    throw new UsageError("--changed-since must name a branch, a tag or a commit");
  }
  const writesBaseline = values["write-baseline"] ?? false;
  if (writesBaseline && changedSince !== undefined) {
    throw new UsageError("--write-baseline lists everything: it can't go with --changed-since");
  }
  const settings: Settings = {
    paths: positionals.length === 0 ? ["."] : positionals,
    format: oneOf("--format", FORMATS, values.format) ?? "text",
    output: values.output,
    lockPolicy: oneOf("--lock-policy", LOCK_POLICIES, values["lock-policy"]),
    baseline: values.baseline,
    writesBaseline,
    changedSince,
    maxWarnings: count("--max-warnings", values["max-warnings"]),
    config: values.config,
    cacheDirectory: values["cache-dir"],
    usesCache: values.cache ?? true,
    watches: values.watch ?? false,
    showsProgress: values.progress ?? true,
  };
  return { name: "review", settings };
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true, allowNegative: true });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(error.message.split(/\n|\. To specify/)[0] ?? error.message);
  }
}

function oneOf<T extends string>(name: string, known: readonly T[], given?: string): T | undefined {
  if (given === undefined) return undefined;
  const value = known.find((one) => one === given);
  if (value === undefined) throw new UsageError(`${name} must be one of ${known.join(", ")}`);
  return value;
}

function count(name: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  if (!/^\d{1,6}$/.test(given)) throw new UsageError(`${name} must be a whole number from 0 to 999999`);
  return Number(given);
}
