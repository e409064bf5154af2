/**
 * A trial: load, faults, recovery, verdict. It prints what it did, and fails when nothing was hit.
 */
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { bookFaults } from "../books.ts";
import { openJournal, readJournal, type Attempt, type Journal } from "./journal.ts";
import { settleOpen, startLoad, type Load } from "./load.ts";
import { chooseSeed, createDice, type Dice } from "./random.ts";
import type { Target } from "./requests.ts";
import { atOneMoment, connectSql, takeSnapshot, type Snapshot, type Sql } from "./snapshot.ts";
import { Tally, type Demands } from "./tally.ts";
import { judge } from "./verdict.ts";
import { createWorkload, type World } from "./workload.ts";

export interface TrialOptions {
  /** What is tried, as it is printed. */
  readonly title: string;
  /** The database that serves, at an address that is reachable when the faults are over. */
  readonly databaseUrl: string;
  /** A folder for the journal. */
  readonly directory: string;
  readonly world: World;
  /** Those that serve the load; the first also settles what is open at the end. */
  readonly targets: readonly Target[];
  /** Requests under way at one time, about. */
  readonly workers?: number;
  readonly seed?: number;
  /** Inflicts the faults while the load runs; when it returns, they are over. */
  readonly inflict: (trial: Trial) => Promise<void>;
  /** The least that must have been met. */
  readonly demands: Demands;
}

export interface Trial {
  readonly load: Load;
  readonly tally: Tally;
  readonly dice: Dice;
}

export interface Verdict {
  /** Every fault that was found, as a sentence. */
  readonly faults: readonly string[];
  readonly tally: Tally;
  readonly seed: number;
  readonly attempts: readonly Attempt[];
  /** The books before the load. */
  readonly before: Snapshot;
}

const WORKERS = 48;
/** More of the same kind tells nothing new. */
const FAULTS_SHOWN_MAX = 12;
let trials = 0;

/** Runs a trial. @throws Error when it was not hit as demanded */
export async function runTrial(options: TrialOptions): Promise<Verdict> {
  const { title, databaseUrl, directory, demands } = options;
  const seed = options.seed ?? chooseSeed();
  const tally = new Tally();
  const early = await connectSql(databaseUrl);
  const before = await atOneMoment(early.sql, () => takeSnapshot(early.sql));
  await early.close();
  const path = join(directory, `journal-${(trials += 1)}.jsonl`);
  const journal = await openJournal(path);
  try {
    await underLoad(options, journal, tally, seed);
  } finally {
    await journal.close();
  }
  const oracle = await connectSql(databaseUrl);
  try {
    const attempts = await readJournal(path);
    const faults = await atOneMoment(oracle.sql, () => findFaults(oracle.sql, attempts, before));
    const found = `${faults.length} faults in the books`;
    console.log(`      ${title}: seed ${seed}; ${tally.toString()}; ${found}`);
    tally.demand(demands);
    return { faults, tally, seed, attempts, before };
  } finally {
    await oracle.close();
  }
}

/** Judges the books as they are now by what was journaled, and by their own rules. */
export async function findFaults(
  sql: Sql,
  attempts: readonly Attempt[],
  before: Snapshot,
): Promise<string[]> {
  const after = await takeSnapshot(sql);
  return [...judge(attempts, before, after), ...(await bookFaults(sql))];
}

async function underLoad(
  { databaseUrl, targets, world, workers = WORKERS, inflict }: TrialOptions,
  journal: Journal,
  tally: Tally,
  seed: number,
): Promise<void> {
  const dice = createDice(seed);
  const workload = createWorkload(world, dice, `t${seed.toString(36)}-${trials}`);
  const load = startLoad({ targets, workload, journal, tally, dice, workers });
  try {
    await inflict({ load, tally, dice });
  } finally {
    await load.stop();
  }
  await untilQuiet(databaseUrl);
  await settleOpen({ targets, journal, tally, dice });
}

/** The books have stood still for this many looks. */
const QUIET_LOOKS = 3;
const LOOK_EVERY_MS = 250;

/**
 * A server that hung may still have calls in its queue whose callers have given up. One of them that comes in after its key was
 * settled with a refusal is done all the same, and rightly: then the journal knows no longer what the books should say.
 */
async function untilQuiet(databaseUrl: string): Promise<void> {
  const { sql, close } = await connectSql(databaseUrl);
  try {
    let last = "";
    for (let quiet = 0; quiet < QUIET_LOOKS; ) {
      await setTimeout(LOOK_EVERY_MS);
      const [row] = await sql("select count(*) as n from quota_logs");
      const now = String(row?.["n"]);
      quiet = now === last ? quiet + 1 : 0;
      last = now;
    }
  } finally {
    await close();
  }
}

/** Runs a trial of a right program: every fault that the oracle finds fails the test. */
export async function assertTrial(options: TrialOptions): Promise<Verdict> {
  const verdict = await runTrial(options);
  const { faults, seed } = verdict;
  if (faults.length === 0) return verdict;
  const shown = faults.slice(0, FAULTS_SHOWN_MAX).join("\n  ");
  throw new Error(`the oracle found ${faults.length} faults with seed ${seed}:\n  ${shown}`);
}
