/** A program of ours in a process of its own, read line by line and ended by signals. */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Program {
  readonly pid: number;
  /** Everything that it has printed, both outputs, line by line. */
  readonly lines: readonly string[];
  readonly exited: Promise<Exit>;
  /**
   * The first line that matches, printed already or still to come.
   * @throws Error with all that it printed, when it ends without such a line
   */
  line(pattern: RegExp): Promise<string>;
  kill(signal: NodeJS.Signals): void;
}

export interface ProgramOptions {
  readonly cwd: string;
  /** The whole environment besides PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
}

const started = new Set<ChildProcess>();

/** Runs `node` with these words. */
export function startProgram(words: readonly string[], { cwd, env = {} }: ProgramOptions): Program {
  const { PATH = "", HOME = "/" } = process.env;
  const child = spawn(process.execPath, words, {
    cwd,
    env: { PATH, HOME, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.add(child);
  const lines: string[] = [];
  const waiting = new Set<(line: string | undefined) => void>();
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on("line", (line) => {
      lines.push(line);
      for (const hear of waiting) hear(line);
    });
  }
  const exited = new Promise<Exit>((resolve) => {
    // "close" comes after the last line was read, "exit" may come before.
    child.once("close", (code, signal) => {
      started.delete(child);
      for (const hear of waiting) hear(undefined);
      resolve({ code, signal });
    });
  });
  return {
    pid: child.pid!,
    lines,
    exited,
    kill: (signal) => void child.kill(signal),
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const found = lines.find((line) => pattern.test(line));
        if (found !== undefined) return resolve(found);
        const fail = () => reject(new Error(`ended without ${pattern}:\n${lines.join("\n")}`));
        if (child.exitCode !== null || child.signalCode !== null) return fail();
        const hear = (line: string | undefined) => {
          if (line !== undefined && !pattern.test(line)) return;
          waiting.delete(hear);
          if (line === undefined) fail();
          else resolve(line);
        };
        waiting.add(hear);
      }),
  };
}

/** Kills what a failed test has left running. */
export async function killPrograms(): Promise<void> {
  await Promise.all(
    [...started].map((child) => {
      const gone = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGKILL");
      return gone;
    }),
  );
}
