/** The settings file: what a repository says once, so that nobody has to say it on every command line. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

import { z } from "zod";

import { cleanJson } from "../documents/jsonc.ts";
import { LOCK_POLICIES, UsageError } from "./arguments.ts";

export const CONFIG_NAME = "billing-review.json";
/** Patterns or names in one list; more is a mistake. */
const LIST_MAX = 1_000;

const names = z.array(z.string().min(1).max(200)).max(LIST_MAX).default([]);
const FORM = z.strictObject({
  $schema: z.string().optional(),
  /** Globs of files that are left out, relative to the folder in which the reviewer runs. */
  ignore: names,
  vocabulary: z
    .strictObject({
      balance_columns: names,
      used_columns: names,
      ledger_tables: names,
      task_tables: names,
    })
    .prefault({}),
  lock_policy: z.enum(LOCK_POLICIES).optional(),
  baseline: z.string().min(1).optional(),
  max_warnings: z.int().min(0).max(999_999).optional(),
});

export type Config = z.infer<typeof FORM>;

/**
 * @param given what the command line names; without it the file is read only where there is one
 * @throws UsageError
 */
export async function readConfig(cwd: string, given: string | undefined): Promise<Config> {
  const path = resolve(cwd, given ?? CONFIG_NAME);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    if (isMissing && given === undefined) return FORM.parse({});
    throw new UsageError(`the configuration ${given ?? CONFIG_NAME} can't be read`);
  }
  let value: unknown;
  try {
    value = JSON.parse(cleanJson(text).text);
  } catch {
    throw new UsageError(`${given ?? CONFIG_NAME} is no JSON`);
  }
  const read = FORM.safeParse(value);
  if (read.success) return read.data;
  const faults = read.error.issues.map(({ path: at, message }) => `${at.join(".") || "file"}: ${message}`);
  throw new UsageError(`${given ?? CONFIG_NAME}: ${faults.join("; ")}`);
}
