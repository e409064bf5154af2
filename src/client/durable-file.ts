/** Files that are there, whole, even if the power fails in the next moment; or not there at all. */
import { mkdir, open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";

/** Only the owner may read what failed, and why. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/** Makes a directory and its parents; they survive a loss of power. */
export async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
  if (first !== undefined) await syncDirectory(dirname(first));
}

/**
 * Writes a file under a temporary name, forces it to disk, and gives it its name.
 * @param temporary on the same file system as `path`
 * @param written called when the file is on disk, still under its temporary name
 */
export async function writeDurably(
  temporary: string,
  path: string,
  bytes: Buffer,
  written: () => void | Promise<void> = () => undefined,
): Promise<void> {
  const file = await open(temporary, "wx", FILE_MODE);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await written();
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

/** Forces a file's content to disk. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Forces the names in a directory to disk. */
export async function syncDirectory(path: string): Promise<void> {
  await syncFile(path);
}

/** Renames a file. False when it is gone: another process has dealt with it. */
export async function movedTo(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** Removes a file. False when it is gone already. */
export async function removed(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** Whether a call failed since there is no such file. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
