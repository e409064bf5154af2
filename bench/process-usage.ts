/** What the kernel knows about a process: its CPU time and its memory. Linux only, as /proc is. */
import { readFileSync } from "node:fs";

/** USER_HZ, in which /proc counts CPU time: 100 on every processor that Node runs on. */
const TICKS_PER_SECOND = 100;
const TICK_US = 1_000_000 / TICKS_PER_SECOND;

/** Where user and system time stand in /proc/<pid>/stat after the program's name in brackets. */
const USER_TIME_AT = 11;
const SYSTEM_TIME_AT = 12;

/**
 * CPU time that a process has used in all of its threads, in microseconds, in steps of 10 ms.
 * @throws Error when there is no such process
 */
export function cpuTimeUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name may hold blanks and brackets: what counts comes after the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[USER_TIME_AT]) + Number(fields[SYSTEM_TIME_AT])) * TICK_US;
}

/** Where idle time, and time in which only a disk was waited for, stand in /proc/stat. */
const IDLE_AT = [3, 4];
/** The time of virtual machines is counted as that of users already. */
const KINDS_OF_TIME = 8;

/**
 * CPU time that the whole machine was busy since it started, in microseconds, over all its cores;
 * what its host took away from it included.
 */
export function machineBusyUs(): number {
  const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n", 1);
  const ticks = line.trim().split(/\s+/).slice(1, KINDS_OF_TIME + 1).map(Number);
  const busy = ticks.filter((_, at) => !IDLE_AT.includes(at));
  return busy.reduce((sum, each) => sum + each, 0) * TICK_US;
}

export interface Memory {
  /** What is resident now, in KiB. */
  readonly residentKib: number;
  /** The most that was ever resident, in KiB. */
  readonly peakKib: number;
}

/** @throws Error when there is no such process */
export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]);
  return { residentKib: kib("VmRSS"), peakKib: kib("VmHWM") };
}
