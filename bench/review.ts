/**
 * `--review`: how long the command takes over a repository of 1,000 files with 200,000 lines, the first time, again, and after
 * one file was changed. The files call each other, move quota in safe and in unsafe ways, and do much besides.
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

export async function reviewSpeed(place: Place, say: (line: string) => void): Promise<string[]> {
  const folder = join(place.directory, "review");
  const lines = makeRepository(folder);
  const first = await run(folder, say, "no cache", "--no-cache");
  const filled = await run(folder, say, "an empty cache");
  const again = await run(folder, say, "nothing changed");
  writeFileSync(join(folder, "src/d0/f7.ts"), sourceOf(7, "changed"));
  const changed = await run(folder, say, "one file changed");
  const rows = Object.entries({
    "no cache": first,
    "an empty cache": filled,
    "nothing changed": again,
    "one file changed": changed,
  }).map(([what, { seconds, peakMib, verdict }]) => {
    const reached = seconds <= GOAL_SECONDS ? "reached" : "missed";
    const goal = `${reached} (≤ ${GOAL_SECONDS} s)`;
    return [what, seconds.toFixed(1), peakMib.toFixed(0), verdict, goal];
  });
  return [
    `${FILES} files, ${lines} lines`,
    "",
    ...markdownTable(["review", "seconds", "peak MiB, all processes", "says", "verdict"], rows),
  ];
}

/** @returns how many lines it has */
function makeRepository(folder: string): number {
  let lines = 0;
  // Where the command keeps what it knows of files that haven't changed.
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  for (let at = 0; at < FILES; at += 1) {
    const directory = join(folder, `src/d${Math.floor(at / 50)}`);
    mkdirSync(directory, { recursive: true });
    const text = sourceOf(at, "");
    lines += text.split("\n").length - 1;
    writeFileSync(join(directory, `f${at}.ts`), text);
  }
  return lines;
}

/** One file: work that has nothing to do with money, and a way to spend and to refund. */
function sourceOf(at: number, note: string): string {
  const before = at % 50 === 0 ? undefined : `import { helper${at - 1} } from "./f${at - 1}.ts";`;
  const parts = [
    `// ${note}`,
    ...(before === undefined ? [] : [before]),
    `export function helper${at}(rows: readonly number[]): number {`,
    `  return rows.reduce((sum, row) => sum + row, ${at});`,
    "}",
    ...spendOf(at),
  ];
  for (let n = 0; parts.length < LINES_PER_FILE; n += 1) parts.push(...plainOf(at, n));
  return `${parts.slice(0, LINES_PER_FILE).join("\n")}\n`;
}

/** Every tenth forgets the lock. */
function spendOf(at: number): string[] {
  const lock = at % 10 === 0 ? "" : ".forUpdate()";
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

/** Five lines at a time: the last function of a file ends with it. */
function plainOf(at: number, n: number): string[] {
  const earlier = at % 50 === 0 ? `helper${at}` : `helper${at - 1}`;
  return [
    `export const shape${at}x${n} = async (items: readonly { size: number; name: string }[]) => items`,
    `  .filter(({ size, name }) => size > ${n} && name.startsWith("a${n}"))`,
    `  .map(({ size, name }) => ({ key: \`\${name}-${n}\`, total: ${earlier}([size, ${at}]) }))`,
    `  .toSorted((a, b) => a.total - b.total || (a.key < b.key ? -1 : 1))`,
    `  .slice(0, ${n + 1});`,
  ];
}

async function run(
  folder: string,
  say: (line: string) => void,
  title: string,
  ...words: string[]
): Promise<Review> {
  say(`review: ${title}`);
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
