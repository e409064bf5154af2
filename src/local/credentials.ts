import { randomBytes } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";

/** 160 random bits; hexadecimal, so that no SQL, URL or configuration file needs to quote it. */
const PASSWORD_BYTES = 20;

/**
 * The password kept in `file`, which only the owner may read; made at random when there is none.
 */
export async function keptPassword(file: string): Promise<string> {
  const kept = await readIfThere(file);
  if (kept !== null) return kept.trim();
  const password = randomBytes(PASSWORD_BYTES).toString("hex");
  await writeSecret(file, `${password}\n`);
  return password;
}

/** Writes a file that only the owner may read: whole, or not at all. */
export async function writeSecret(file: string, content: string): Promise<void> {
  const unfinished = `${file}.${process.pid}`;
  await writeFile(unfinished, content, { mode: 0o600 });
  await rename(unfinished, file);
}

/** The text of a file, null when there is no such file. */
export async function readIfThere(file: string): Promise<string | null> {
  return readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
}
