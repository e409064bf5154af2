/** A load: what is asked for, what came of it, and how the processes that make it are run. */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Histogram, merged } from "./histogram.ts";

/**
 * `reserve`, `balance`: unary calls. `stream`: reserves over ProcessQuota. `task`: reserve, then
 * commit or refund.
 */
export type LoadKind = "reserve" | "stream" | "balance" | "task";

/** What a caller does who was refused for want of room. */
export type AfterRefusal =
  /** Nobody should be refused: it is a fault of the run. */
  | "fail"
  /** Waits as long as RetryInfo says. */
  | "wait"
  /** Comes back at once, which no caller should. */
  | "return";

export interface Load {
  /** `host:port`. */
  readonly address: string;
  readonly token: string;
  readonly kind: LoadKind;
  /** How many users take turns by chance; 1 is one hot user. */
  readonly users: number;
  /** The distance of their numbers: with 100, users 0, 100, 200, …; default 1. */
  readonly userStride?: number;
  /** Operations under way at one time: a closed loop of that many callers. */
  readonly inFlight: number;
  /** Connections over which they are spread. */
  readonly channels: number;
  /** Processes that make the load; each has its part of the callers, and its own channels. */
  readonly processes?: number;
  /** Not counted. */
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly afterRefusal?: AfterRefusal;
  /** Processes whose CPU time is read at the begin and at the end of the measurement. */
  readonly watched: Readonly<Record<string, number>>;
}

/** What one process of the load has seen. Times are those of its measurement. */
export interface ClientReport {
  readonly seconds: number;
  readonly answered: number;
  readonly refused: number;
  readonly latencyCounts: readonly number[];
  readonly refusalCounts: readonly number[];
  /** CPU time of the watched processes, of the client itself and of the machine, microseconds. */
  readonly cpuUs: Readonly<Record<string, number>>;
  readonly clientCpuUs: number;
  readonly machineUs: number;
  readonly whole: Tally;
}

/** All that happened from the first call to the last answer, warm-up included. */
export interface Tally {
  readonly reserved: number;
  readonly committed: number;
  readonly refunded: number;
  /** The sum of the CRC-32 of all ids of acknowledged reservations, modulo 2^32. */
  readonly idSum: number;
  /** Calls of which nobody knows what became of them. */
  readonly unknown: number;
  /** Refusals, by their reason. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Refusals that did not say when to come back. */
  readonly withoutRetryInfo: number;
  /** What must not happen; the first few. */
  readonly faults: readonly string[];
}

export interface LoadResult {
  readonly perSecond: number;
  readonly refusedPerSecond: number;
  readonly operations: number;
  readonly seconds: number;
  readonly latency: Histogram;
  readonly refusalLatency: Histogram;
  /** CPU time of the watched processes and of all clients in the measurement, in microseconds. */
  readonly cpuUs: Readonly<Record<string, number>>;
  /** CPU time that went to anybody else, in microseconds. */
  readonly othersUs: number;
  readonly whole: Tally;
}

/** By this name the clients' own CPU time stands among that of the watched ones. */
export const CLIENT = "client";

const CLIENT_FILE = fileURLToPath(new URL("client.ts", import.meta.url));
/** Each call has a deadline of 30 s; starting takes a second or two. */
const OVERTIME_MS = 60_000;

/** Makes a load and waits until its last call is answered. @throws Error when it had faults */
export async function runLoad(load: Load): Promise<LoadResult> {
  const { processes = 1 } = load;
  const part = { ...load, inFlight: Math.ceil(load.inFlight / processes) };
  // Everything is reported once, by the first.
  const unwatched = { ...part, watched: {} };
  const reports = await Promise.all(
    Array.from({ length: processes }, (_, at) => runClient(at === 0 ? part : unwatched)),
  );
  const whole = addTallies(reports.map((report) => report.whole));
  if (whole.faults.length > 0) {
    throw new Error(`a ${load.kind} load had faults: ${whole.faults.join("; ")}`);
  }
  return { ...summary(reports), whole };
}

function summary(reports: readonly ClientReport[]): Omit<LoadResult, "whole"> {
  const sum = (value: (report: ClientReport) => number) =>
    reports.reduce((total, report) => total + value(report), 0);
  const cpuUs = { ...reports[0]!.cpuUs, [CLIENT]: sum(({ clientCpuUs }) => clientCpuUs) };
  const ownUs = Object.values(cpuUs).reduce((total, us) => total + us, 0);
  return {
    perSecond: sum(({ answered, seconds }) => answered / seconds),
    refusedPerSecond: sum(({ refused, seconds }) => refused / seconds),
    operations: sum(({ answered }) => answered),
    seconds: reports[0]!.seconds,
    latency: merged(reports.map(({ latencyCounts }) => new Histogram(latencyCounts))),
    refusalLatency: merged(reports.map(({ refusalCounts }) => new Histogram(refusalCounts))),
    cpuUs,
    othersUs: Math.max(0, reports[0]!.machineUs - ownUs),
  };
}

function addTallies(tallies: readonly Tally[]): Tally {
  const sum = (value: (tally: Tally) => number) =>
    tallies.reduce((total, tally) => total + value(tally), 0);
  const refusals: Record<string, number> = {};
  for (const tally of tallies) {
    for (const [reason, count] of Object.entries(tally.refusals)) {
      refusals[reason] = (refusals[reason] ?? 0) + count;
    }
  }
  return {
    reserved: sum(({ reserved }) => reserved),
    committed: sum(({ committed }) => committed),
    refunded: sum(({ refunded }) => refunded),
    idSum: sum(({ idSum }) => idSum) % 2 ** 32,
    unknown: sum(({ unknown }) => unknown),
    refusals,
    withoutRetryInfo: sum(({ withoutRetryInfo }) => withoutRetryInfo),
    faults: tallies.flatMap(({ faults }) => faults),
  };
}

function runClient(load: Load): Promise<ClientReport> {
  return new Promise((resolve, reject) => {
    const child = fork(CLIENT_FILE, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    let report: ClientReport | undefined;
    const timer = setTimeout(() => child.kill("SIGKILL"), allowedMs(load));
    child.once("error", reject);
    child.once("message", (message) => (report = message as ClientReport));
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      if (report === undefined) {
        reject(new Error(`the load generator ended without a report: ${signal ?? code}`));
      } else resolve(report);
    });
    tell(child, load, reject);
  });
}

function allowedMs({ warmUpMs, measureMs }: Load): number {
  return warmUpMs + measureMs + OVERTIME_MS;
}

function tell(child: ChildProcess, load: Load, fail: (error: Error) => void): void {
  child.send(load, (error) => {
    if (error !== null) fail(error);
  });
}
