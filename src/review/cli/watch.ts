/** Waits for files to change. */
import { watch } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { statSync } from "node:fs";

import { isReviewable } from "./files.ts";

/** Editors save in several steps, and switching a branch changes many files: all of them are one change. */
const QUIET_MS = 200;

/**
 * Calls back after each burst of changes below the paths, one call after the other; a change during a call
 * leads to another one. Ends, without an error, when the signal is aborted.
 */
export async function onChanges(
  cwd: string,
  paths: readonly string[],
  signal: AbortSignal,
  changed: () => Promise<void>,
): Promise<void> {
  const broken = new AbortController();
  const ended = AbortSignal.any([signal, broken.signal]);
  const burst = new Burst(ended, changed, broken);
  const folders = new Set(paths.map((path) => folderOf(resolve(cwd, path))));
  await Promise.all([...folders].map((folder) => follow(folder, ended, burst)));
  await burst.settled();
  broken.signal.throwIfAborted();
}

async function follow(folder: string, signal: AbortSignal, burst: Burst): Promise<void> {
  try {
    for await (const { filename } of watch(folder, { recursive: true, signal })) {
      const isInside =
        filename !== null && !/(?:^|[/\\])(?:node_modules|dist|\.git)(?:[/\\]|$)/.test(filename);
      if (isInside && isReviewable(filename)) burst.touch();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** A glob is followed from its last folder without a mark. */
function folderOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory()) return path;
  return stats === undefined ? folderOf(dirname(path)) : dirname(path);
}

class Burst {
  readonly #signal: AbortSignal;
  readonly #changed: () => Promise<void>;
  readonly #broken: AbortController;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(signal: AbortSignal, changed: () => Promise<void>, broken: AbortController) {
    this.#signal = signal;
    this.#changed = changed;
    this.#broken = broken;
  }

  touch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#running = this.#running.then(() => this.#call());
    }, QUIET_MS);
  }

  async settled(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** What it throws ends the watching, and is thrown there. */
  async #call(): Promise<void> {
    if (this.#signal.aborted) return;
    try {
      await this.#changed();
    } catch (error) {
      this.#broken.abort(error);
    }
  }
}
