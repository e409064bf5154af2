import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, renameSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

/** A log is cut here: a server that looped once filled a disk with 70 GB of it. */
const LOG_BYTES_MAX = 16 * 1024 * 1024;

/** What a server gets to stop before it is killed. InnoDB writes its dirty pages first. */
const STOP_TIMEOUT_MS = 120_000;

/** The same for a server whose parent was killed; nobody waits for it then. */
const ORPHAN_STOP_SECONDS = 60;

/** What a server gets to begin: the recovery of a large database after a crash takes minutes. */
const START_TIMEOUT_MS = 600_000;
const START_POLL_MS = 50;

/** How much of the log an error message quotes. */
const LOG_TAIL_CHARACTERS = 3_000;

/** One server that was started here. It dies with this process, however this process ends. */
export interface ServerProcess {
  readonly pid: number;
  /** Resolves, never rejects, when the process is gone and its log is complete. */
  readonly ended: Promise<void>;
  hasEnded(): boolean;
  /** Asks it to stop and waits; after two minutes kills it and throws. */
  stop(): Promise<void>;
  /** SIGKILL, as a power failure would, and waits until it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: the process hangs with its connections open. */
  pause(): void;
  /** SIGCONT after `pause`. */
  resume(): void;
}

export interface ServerCommand {
  /** The name in messages. */
  readonly name: string;
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** Where its output goes; the file of the run before is kept as `<logFile>.1`. */
  readonly logFile: string;
  /** True lets it live on when this process ends. */
  readonly survivesParent?: boolean | undefined;
}

/*
 * The guard stands beside the server. Its input is a pipe that only this process holds: end of
 * file means that this process is gone, whatever killed it, and the guard then stops the server.
 * It also writes the server's output, which comes on descriptor 3, and drops what is too much:
 * the server never sees a full or broken pipe.
 */
const GUARD = `
{ head -c "$1"; exec cat >/dev/null; } <&3 &
exec 3<&- >/dev/null 2>&1
read -r server || exit 0
if read -r ended; then wait; exit 0; fi
[ "$2" = 0 ] && exit 0
kill -CONT "$server"
kill -TERM "$server" || exit 0
waited=0
while [ "$waited" -lt "$2" ] && kill -0 "$server"; do sleep 1; waited=$((waited + 1)); done
kill -KILL "$server"
`;

/*
 * The server begins only after the guard knows its pid. Without this gate a parent killed between
 * the two would leave a server that nobody guards.
 */
const GATE = `ulimit -c 0; read -r go && exec "$@" </dev/null`;

const running = new Set<ServerProcess>();

/** The servers that this process started and that have not ended. */
export function runningServers(): ServerProcess[] {
  return [...running];
}

/** Starts a server that logs to a bounded file and dies with this process. */
export function startProcess(options: ServerCommand): ServerProcess {
  const { guard, output } = startGuard(options);
  const server = spawn("/bin/sh", ["-c", GATE, "sh", ...options.command], {
    stdio: ["pipe", output, output],
    // An own session: Ctrl-C in a terminal must not stop the database before the service drained.
    detached: true,
    cwd: "/",
    env: serverEnvironment(),
  });
  output.destroy();
  const ended = whenEnded(server, guard);
  const { pid } = server;
  if (pid === undefined) throw new Error(`/bin/sh, which starts ${options.name}, can't be run`);
  // The pipes carry two words; when the other side is gone already, its exit event says so.
  for (const input of [guard.stdin, server.stdin]) input?.on("error", () => {});
  guard.stdin?.write(`${pid}\n`);
  server.stdin?.end("go\n");
  letGo(server, guard);
  const handle = handleOf(options.name, pid, server, guard, ended);
  running.add(handle);
  void handle.ended.then(() => running.delete(handle));
  return handle;
}

function startGuard({ logFile, survivesParent = false }: ServerCommand) {
  if (existsSync(logFile)) renameSync(logFile, `${logFile}.1`);
  const log = openSync(logFile, "w", 0o600);
  const orphanSeconds = survivesParent ? 0 : ORPHAN_STOP_SECONDS;
  const guard = spawn("/bin/sh", ["-c", GUARD, "sh", `${LOG_BYTES_MAX}`, `${orphanSeconds}`], {
    stdio: ["pipe", log, "ignore", "pipe"],
    detached: true,
    cwd: "/",
  });
  closeSync(log);
  const output = guard.stdio[3];
  if (!(output instanceof Socket)) throw new Error("/bin/sh, which guards servers, can't be run");
  return { guard, output };
}

/** Nothing of the caller's environment: MYSQL_* variables would steer the server elsewhere. */
function serverEnvironment(): NodeJS.ProcessEnv {
  const { PATH, TMPDIR } = process.env;
  return { PATH: PATH ?? "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC", ...(TMPDIR ? { TMPDIR } : {}) };
}

async function whenEnded(server: ChildProcess, guard: ChildProcess): Promise<void> {
  const guardEnded = exitOf(guard);
  await exitOf(server);
  guard.stdin?.end("ended\n");
  await guardEnded;
}

function exitOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    // A process that couldn't be started ends in "error" without "exit".
    child.once("error", () => resolve());
  });
}

/** A server must not keep a program alive that has nothing else to do: the guard ends it then. */
function letGo(...children: ChildProcess[]): void {
  for (const child of children) {
    child.unref();
    for (const stream of child.stdio) unreference(stream);
  }
}

function unreference(stream: Readable | Writable | null | undefined): void {
  if (stream instanceof Socket) stream.unref();
}

function handleOf(
  name: string,
  pid: number,
  server: ChildProcess,
  guard: ChildProcess,
  whenOver: Promise<void>,
): ServerProcess {
  let over = false;
  const ended = whenOver.then(() => {
    over = true;
  });
  const isRunning = () => server.exitCode === null && server.signalCode === null;
  const signal = (word: NodeJS.Signals) => {
    // Once the exit is known the pid may belong to a stranger.
    if (isRunning()) server.kill(word);
  };
  const wait = async () => {
    server.ref();
    guard.ref();
    await ended;
  };
  return {
    pid,
    ended,
    hasEnded: () => over,
    pause: () => signal("SIGSTOP"),
    resume: () => signal("SIGCONT"),
    async kill() {
      signal("SIGKILL");
      await wait();
    },
    async stop() {
      signal("SIGCONT");
      signal("SIGTERM");
      const impatience = new AbortController();
      const late = sleep(STOP_TIMEOUT_MS, "late", impatience).catch(() => "stopped");
      const outcome = await Promise.race([late, wait()]);
      impatience.abort();
      if (outcome !== "late") return;
      signal("SIGKILL");
      await wait();
      throw new Error(`${name} (pid ${pid}) did not stop in ${STOP_TIMEOUT_MS} ms and was killed`);
    },
  };
}

/**
 * Waits until `isReady` says so.
 * @throws Error with the end of the server's log when the server ended first or took too long.
 */
export async function untilReady(
  server: ServerProcess,
  options: ServerCommand,
  isReady: () => Promise<boolean>,
): Promise<void> {
  const giveUpAtMs = performance.now() + START_TIMEOUT_MS;
  while (!server.hasEnded()) {
    if (await isReady()) return;
    if (performance.now() > giveUpAtMs) {
      await server.kill();
      const why = `did not begin to serve in ${START_TIMEOUT_MS} ms`;
      throw new Error(`${options.name} ${why}:\n${logTail(options.logFile)}`);
    }
    await Promise.race([sleep(START_POLL_MS), server.ended]);
  }
  throw new Error(`${options.name} ended while it started:\n${logTail(options.logFile)}`);
}

export function logTail(logFile: string): string {
  const text = existsSync(logFile) ? readFileSync(logFile, "utf8").trim() : "";
  return text === "" ? `(nothing in ${logFile})` : text.slice(-LOG_TAIL_CHARACTERS);
}
