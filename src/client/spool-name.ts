/**
 * The names of spool files. They carry what has to be known about an entry without reading it, so
 * that every change of its standing is one rename, which happens or doesn't.
 *
 *   waiting/<due>.<failures>.<id>.json
 *   claimed/<due>.<failures>.<id>.json@<owner>
 *   dead/<id>.json, dead/<id>.corrupt
 *   temp/<id>.new@<owner>, temp/<id>.dead@<owner>
 *
 * An owner is `<host>-<pid>-<run>-<time>`: a digest of the machine's name, the process, a number
 * drawn by that process, and when it took the file.
 */
import { createHash, randomBytes } from "node:crypto";
import { hostname } from "node:os";

export interface EntryName {
  /** When it should be tried, in milliseconds since 1970. */
  readonly dueMs: number;
  /** How often it has failed. */
  readonly failures: number;
  readonly id: string;
}

const TIME_DIGITS = 15;
/** The first half of an id is its time; the second keeps two of one moment apart. */
const ID_TIME_DIGITS = 12;
const ENTRY = /^(\d{15})\.(\d{1,9})\.([0-9a-f]{24})\.json$/;

const ID_RANDOM_BITS = 48n;
const ID_RANDOM_DIGITS = 12;
let lastId = 0n;

/** A new id; of those that one process makes, the later ones sort later, also within a millisecond. */
export function newEntryId(nowMs: number): string {
  const random = BigInt(`0x${randomBytes(6).toString("hex")}`);
  const isSameMoment = lastId >> ID_RANDOM_BITS === BigInt(nowMs);
  lastId = isSameMoment ? lastId + 1n : (BigInt(nowMs) << ID_RANDOM_BITS) | random;
  return lastId.toString(16).padStart(ID_TIME_DIGITS + ID_RANDOM_DIGITS, "0");
}

/** When the entry of an id was made, in milliseconds since 1970. */
export function timeOfId(id: string): number {
  return Number.parseInt(id.slice(0, ID_TIME_DIGITS), 16);
}

/** Sorts by the time at which it is due. */
export function entryFileName({ dueMs, failures, id }: EntryName): string {
  return `${String(dueMs).padStart(TIME_DIGITS, "0")}.${failures}.${id}.json`;
}

/** Undefined when the file is none of ours. */
export function parseEntryName(name: string): EntryName | undefined {
  const [, due, failures, id] = ENTRY.exec(name) ?? [];
  if (due === undefined || failures === undefined || id === undefined) return undefined;
  return { dueMs: Number(due), failures: Number(failures), id };
}

const HOST = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
/**
 * Containers start over with the same host name and pid; this tells the new process from the old.
 */
const RUN = randomBytes(4).toString("hex");
const OWNER = /^([0-9a-f]{8})-(\d{1,10})-([0-9a-f]{8})-(\d{1,15})$/;

/** This process, taking a file now. */
export function ownerTag(nowMs: number): string {
  return `${HOST}-${process.pid}-${RUN}-${nowMs}`;
}

/**
 * Longer than any attempt lasts. Who holds a file for longer is taken for dead even where that
 * can't be seen, on another machine or in another container; if it isn't, the entry is sent twice
 * with the same key, which does no harm.
 */
export const CLAIM_LEASE_MS = 5 * 60_000;

/** Whether the owner will never finish with the file. Nonsense is owned by nobody. */
export function isAbandoned(tag: string, nowMs: number): boolean {
  const [, host, pid, run, time] = OWNER.exec(tag) ?? [];
  if (host === undefined || run === undefined) return true;
  // A claim from the future was made before the clock was set back.
  if (Math.abs(nowMs - Number(time)) > CLAIM_LEASE_MS) return true;
  if (host !== HOST) return false;
  if (Number(pid) === process.pid) return run !== RUN;
  return !isAlive(Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and belongs to someone else.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
