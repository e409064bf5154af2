/** The dead of a spool: what the service has refused for good, and files that were no entries. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { isMissing, removed } from "./durable-file.ts";
import { CorruptEntryError, decodeEntry, type Burial, type SpoolEntry } from "./spool-entry.ts";
import { timeOfId } from "./spool-name.ts";

export interface DeadEntry {
  readonly id: string;
  /** Undefined for a corrupt file. */
  readonly entry: SpoolEntry | undefined;
  /** For a corrupt file the reason is `CORRUPT`. */
  readonly burial: Burial;
}

const DEAD_FILE = /^[0-9a-f]{24}\.(?:json|corrupt)$/;

/** Oldest first, as their ids sort. */
async function deadFiles(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((file) => DEAD_FILE.test(file)).sort();
}

/** Reads a folder of the dead, oldest first. */
export async function readDead(directory: string): Promise<DeadEntry[]> {
  const found: DeadEntry[] = [];
  for (const file of await deadFiles(directory)) {
    const id = file.slice(0, file.indexOf("."));
    try {
      const { entry, burial } = decodeEntry(await readFile(join(directory, file)));
      found.push({
        id,
        entry,
        burial: burial ?? { reason: "UNKNOWN", message: "", timeMs: timeOfId(id) },
      });
    } catch (error) {
      if (isMissing(error)) continue;
      if (!(error instanceof CorruptEntryError)) throw error;
      const burial = { reason: "CORRUPT", message: error.message, timeMs: timeOfId(id) };
      found.push({ id, entry: undefined, burial });
    }
  }
  return found;
}

/** Removes the oldest dead until no more than `max` are left. */
export async function forgetOldestDead(directory: string, max: number): Promise<void> {
  const files = await deadFiles(directory);
  const tooMany = files.slice(0, Math.max(0, files.length - max));
  for (const file of tooMany) await removed(join(directory, file));
}
