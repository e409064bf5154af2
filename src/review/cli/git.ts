/** What git knows of a working tree. Every question is asked with fixed words; nothing is ever changed. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { UsageError } from "./arguments.ts";

const run = promisify(execFile);
/** Bytes of names: 64 MiB are half a million files. */
const ANSWER_MAX = 64 * 1024 * 1024;

/**
 * The files below a folder that git tracks or would track, relative to `cwd`; undefined outside of a
 * working tree, or without git.
 */
export async function trackedFiles(cwd: string, folder: string): Promise<string[] | undefined> {
  const words = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", folder];
  try {
    return await names(cwd, words);
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw error;
  }
}

/**
 * What differs between the working tree and the commit at which it left `ref`, with files that git doesn't
 * know yet.
 * @throws UsageError when there is no such commit
 */
export async function changedFiles(cwd: string, ref: string): Promise<ReadonlySet<string>> {
  try {
    const changed = await names(cwd, ["diff", "--name-only", "-z", "--relative", "--merge-base", ref, "--"]);
    const added = await names(cwd, ["ls-files", "-z", "--others", "--exclude-standard"]);
    return new Set([...changed, ...added]);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    throw new UsageError(`--changed-since ${ref}: git knows no such commit here`);
  }
}

async function names(cwd: string, words: readonly string[]): Promise<string[]> {
  const { stdout } = await run("git", words, { cwd, maxBuffer: ANSWER_MAX });
  return stdout.split("\0").filter((name) => name !== "");
}

/** Git said no, or isn't there. */
function isRefusal(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === "number" || code === "ENOENT";
}
