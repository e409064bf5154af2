/** Which files a review is about, and what stands in them. */
import { glob, lstat, open, readdir } from "node:fs/promises";
import { join, matchesGlob, relative, resolve, sep } from "node:path";

import type { SourceFile } from "../contract.ts";
import { isDocument } from "../documents/index.ts";
import { UsageError } from "./arguments.ts";
import { trackedFiles } from "./git.ts";

/** Never looked into, whatever git says of them: what stands there was made from something else. */
const LEFT_OUT = new Set(["node_modules", "dist", ".git"]);
/** Languages that the reviewer reads, and others in which a team may handle quota. */
const CODE =
  /\.(?:[cm]?[jt]sx?|sql|vue|svelte|py|go|java|kts?|scala|groovy|rb|php|cs|rs|swift|exs?|clj|lua|pl|dart)$/i;
/** More files than the largest repositories of one team have. */
const FILES_MAX = 100_000;
/** Bytes read of one file: beyond it the engine says that the file is too large. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;
/** Files open at once. */
const READERS = 32;

export function isReviewable(path: string): boolean {
  return CODE.test(path) || isDocument(path);
}

/**
 * The files of folders, files and globs: relative to `cwd`, with forward slashes, each once, in order.
 * @throws UsageError for a path that isn't there, and when nothing is left to review
 */
export async function findFiles(
  cwd: string,
  paths: readonly string[],
  ignore: readonly string[],
): Promise<string[]> {
  const found = new Set<string>();
  for (const path of paths) {
    for (const file of await filesOf(cwd, path)) {
      const name = relative(cwd, resolve(cwd, file)).split(sep).join("/");
      if (!ignore.some((pattern) => matchesGlob(name, pattern))) found.add(name);
      if (found.size > FILES_MAX) throw new UsageError(`there are more than ${FILES_MAX} files to review`);
    }
  }
  if (found.size === 0) throw new UsageError(`there is no file to review in ${paths.join(", ")}`);
  return [...found].toSorted();
}

async function filesOf(cwd: string, path: string): Promise<string[]> {
  const kind = await kindOf(resolve(cwd, path));
  // Who names a file wants it, ignored or not.
  if (kind === "file") {
    if (!isReviewable(path)) throw new UsageError(`${path} is of no kind that can be reviewed`);
    return [path];
  }
  if (kind === "folder") return wanted(cwd, await filesBelow(cwd, path));
  if (!/[*?[{]/.test(path)) throw new UsageError(`there is no ${path}`);
  const matched: string[] = [];
  for await (const name of glob(path, { cwd, exclude: (entry) => LEFT_OUT.has(entry) })) matched.push(name);
  return wanted(cwd, matched);
}

async function filesBelow(cwd: string, folder: string): Promise<string[]> {
  const tracked = await trackedFiles(cwd, folder);
  if (tracked !== undefined) return tracked;
  const entries = await readdir(resolve(cwd, folder), { withFileTypes: true });
  const below: string[] = [];
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !LEFT_OUT.has(entry.name)) below.push(...(await filesBelow(cwd, path)));
    else if (entry.isFile()) below.push(path);
  }
  return below;
}

/** Links are left out: what they lead to is found where it stands. */
async function wanted(cwd: string, paths: readonly string[]): Promise<string[]> {
  const candidates = paths.filter(
    (path) => isReviewable(path) && !path.split(/[/\\]/).some((part) => LEFT_OUT.has(part)),
  );
  const kinds = await eachOf(candidates, (path) => kindOf(resolve(cwd, path)));
  return candidates.filter((_, at) => kinds[at] === "file");
}

async function kindOf(path: string): Promise<"file" | "folder" | undefined> {
  try {
    const stats = await lstat(path);
    if (stats.isFile()) return "file";
    return stats.isDirectory() ? "folder" : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ENAMETOOLONG") return undefined;
    throw error;
  }
}

/** Files that went away meanwhile are left out. */
export async function readFiles(cwd: string, paths: readonly string[]): Promise<SourceFile[]> {
  const contents = await eachOf(paths, (path) => readText(resolve(cwd, path)));
  return paths.flatMap((path, at) => {
    const content = contents[at];
    return content === undefined ? [] : [{ path, content }];
  });
}

async function readText(path: string): Promise<string | undefined> {
  let file;
  try {
    file = await open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.min(size, FILE_BYTES_MAX));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

async function eachOf<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += READERS) {
    results.push(...(await Promise.all(items.slice(at, at + READERS).map(work))));
  }
  return results;
}
