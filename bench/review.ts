/**
 * `--review`: how long the command takes over repositories of 1,000 files with 200,000 lines, the first time, again, and after
 * one file was changed. In one of them every file has to do with quota, in the other one directory of ten.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Place } from "./place.ts";
import { markdownTable } from "./table.ts";

const PROGRAM = fileURLToPath(new URL("../bin/billing-review.ts", import.meta.url));
const FILES = 1_000;
const LINES_PER_FILE = 200;
const GOAL_SECONDS = 10;
const KIB_PER_MIB = 1_024;
const WATCH_EVERY_MS = 50;

interface Review {
  readonly seconds: number;
  readonly peakMib: number;
  readonly verdict: string;
}

/** One directory of so many spends quota; the others have nothing to do with it. */
const REPOSITORIES = { "every file about quota": 1, "one directory of ten about quota": 10 };
const DIRECTORIES = 20;
const FILES_PER_DIRECTORY = FILES / DIRECTORIES;
/** Of these directories' files every tenth forgets the lock. */
const UNSAFE_EVERY = 10;

export async function reviewSpeed(place: Place, say: (line: string) => void): Promise<string[]> {
  const rows: string[][] = [];
  for (const [title, every] of Object.entries(REPOSITORIES)) {
    const folder = join(place.directory, `review-${every}`);
    makeRepository(folder, every);
    const timed = async (what: string, ...words: string[]) => {
      say(`review: ${title}, ${what}`);
      const { seconds, peakMib, verdict } = await run(folder, every, ...words);
      const goal = `${seconds <= GOAL_SECONDS ? "reached" : "missed"} (≤ ${GOAL_SECONDS} s)`;
      rows.push([title, what, seconds.toFixed(1), peakMib.toFixed(0), verdict, goal]);
    };
    await timed("no cache", "--no-cache");
    await timed("an empty cache");
    await timed("nothing changed");
    writeFileSync(join(folder, "src/d0/f7.ts"), sourceOf(7, true, "changed"));
    await timed("one file changed");
  }
  const head = ["repository", "review", "seconds", "peak MiB, all processes", "says", "verdict"];
  return [`${FILES} files, ${FILES * LINES_PER_FILE} lines`, "", ...markdownTable(head, rows)];
}

function makeRepository(folder: string, every: number): void {
  // Where the command keeps what it knows of files that haven't changed.
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  for (let at = 0; at < FILES; at += 1) {
    const number = Math.floor(at / FILES_PER_DIRECTORY);
    const directory = join(folder, `src/d${number}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `f${at}.ts`), sourceOf(at, number % every === 0, ""));
  }
}

/** One file: work that has nothing to do with money, and where `spends` a way to spend. */
function sourceOf(at: number, spends: boolean, note: string): string {
  const isFirst = at % FILES_PER_DIRECTORY === 0;
  const parts = [
    `// ${note}`,
    ...(isFirst ? [] : [`import { helper${at - 1} } from "./f${at - 1}.ts";`]),
    `export function helper${at}(rows: readonly number[]): number {`,
    `  return rows.reduce((sum, row) => sum + row, ${at});`,
    "}",
    ...(spends ? spendOf(at) : []),
  ];
  const earlier = isFirst ? `helper${at}` : `helper${at - 1}`;
  for (let n = 0; parts.length + LINES_OF_PLAIN <= LINES_PER_FILE; n += 1) {
    parts.push(...plainOf(at, n, earlier));
  }
  while (parts.length < LINES_PER_FILE) parts.push("");
  return `${parts.join("\n")}\n`;
}

function spendOf(at: number): string[] {
  const lock = at % UNSAFE_EVERY === 0 ? "" : ".forUpdate()";
  return [
    `export async function spend${at}(knex, userId: string, amount: number): Promise<void> {`,
    "  await knex.transaction(async (trx) => {",
    `    const user = await trx("users").where({ id: userId })${lock}.first();`,
    "    if (user.quota_remaining < amount) throw new Error('none');",
    '    await trx("users").where({ id: userId }).decrement("quota_remaining", amount);',
    "  });",
    "}",
  ];
}

const LINES_OF_PLAIN = 5;

function plainOf(at: number, n: number, earlier: string): string[] {
  return [
    `export const shape${at}x${n} = async (items: readonly { size: number; name: string }[]) => items`,
    `  .filter(({ size, name }) => size > ${n} && name.startsWith("a${n}"))`,
    `  .map(({ size, name }) => ({ key: \`\${name}-${n}\`, total: ${earlier}([size, ${at}]) }))`,
    `  .toSorted((a, b) => a.total - b.total || (a.key < b.key ? -1 : 1))`,
    `  .slice(0, ${n + 1});`,
  ];
}

/** @throws Error when the review didn't find what there is to be found */
async function run(folder: string, every: number, ...words: string[]): Promise<Review> {
  const startMs = performance.now();
  const args = [PROGRAM, ...words, "--format", "json", "--output", "report.json", "src"];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: "ignore" });
  let peakKib = 0;
  const watch = setInterval(() => {
    peakKib = Math.max(peakKib, memoryKib(child.pid!));
  }, WATCH_EVERY_MS);
  const [code] = (await once(child, "exit")) as [number | null];
  clearInterval(watch);
  const seconds = (performance.now() - startMs) / 1_000;
  if (code !== 1)
    throw new Error(`the review ended with ${code}, not 1: it has missed what is unsafe`);
  const report = JSON.parse(readFileSync(join(folder, "report.json"), "utf8")) as {
    verdict: string;
    findings: unknown[];
    files_analysed: number;
  };
  const { verdict, findings, files_analysed: files } = report;
  if (files !== FILES) throw new Error(`${files} of ${FILES} files were analysed`);
  const unsafe = FILES / every / UNSAFE_EVERY;
  if (findings.length !== unsafe) throw new Error(`${findings.length} findings, not ${unsafe}`);
  return {
    seconds,
    peakMib: peakKib / KIB_PER_MIB,
    verdict: `${verdict}, ${findings.length} findings`,
  };
}

/** Resident memory of a process and of those that it has started. */
function memoryKib(root: number): number {
  const parents = new Map<number, { parent: number; kib: number }>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const status = readFileSync(`/proc/${name}/status`, "utf8");
      const parent = Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]);
      parents.set(Number(name), { parent, kib: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) });
    } catch {
      // It has ended meanwhile.
    }
  }
  const isOurs = (pid: number): boolean => {
    const found = parents.get(pid);
    return pid === root || (found !== undefined && found.parent > 1 && isOurs(found.parent));
  };
  return [...parents].reduce((sum, [pid, { kib }]) => sum + (isOurs(pid) ? kib : 0), 0);
}
