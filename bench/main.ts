/**
 * `npm run bench`: measures the service against what it is to be measured by, on one machine and in
 * one run. Everything it starts ends with it, and its data go too. See docs/performance.md.
 */
import type { DatabaseFlavour } from "../src/local/database.ts";
import { callbacks } from "./callbacks.ts";
import { compare, type Comparison } from "./comparison.ts";
import { changedSettings, makeCredential } from "./contenders.ts";
import { finance } from "./finance.ts";
import { LARGE_POOL_MIB, large } from "./large.ts";
import { databaseLine, machineLines, NAMES } from "./machine.ts";
import { HELP, readOptions, type Options, type Part } from "./options.ts";
import { overload } from "./overload.ts";
import { openDatabase, openPlace, openRedis, type Place } from "./place.ts";
import { profile } from "./profile.ts";
import { reviewSpeed } from "./review.ts";
import { soak } from "./soak.ts";
import type { Stage } from "./stage.ts";
import { comparisonTable, goalTable } from "./table.ts";

const PARTS: Readonly<
  Record<Exclude<Part, "compare" | "review">, (stage: Stage) => Promise<string[]>>
> = {
  overload,
  large,
  soak,
  profile,
  callbacks,
  finance,
};

/** Those whose indexes have to fit, as they would on a server of that size. */
const LARGE_PARTS: ReadonlySet<Part> = new Set(["large", "finance"]);

/** What was found so far. */
interface Report {
  /** What the figures depend on. */
  readonly facts: Set<string>;
  readonly comparisons: Map<string, Comparison>;
  readonly others: string[];
}

const options = understood();
const place = await openPlace(options.directory);
const report: Report = { facts: new Set(), comparisons: new Map(), others: [] };
let isOver = false;
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.once(signal, () => {
    say(`${signal}: ending`);
    void end().finally(() => process.exit(code));
  });
}
try {
  await bench(place, options, report);
} finally {
  await end();
}

/** What stops after an hour, for whatever cause, takes nothing with it of what was found before. */
async function end(): Promise<void> {
  if (!isOver) print(report);
  isOver = true;
  await place.closers.close();
}

/** The options; whoever asks for help, or for what there isn't, is told and the program ends. */
function understood(): Options {
  let fault = "";
  try {
    const read = readOptions(process.argv.slice(2));
    if (read !== undefined) return read;
  } catch (error) {
    fault = error instanceof Error ? error.message : String(error);
    console.error(`${fault}\n`);
  }
  console.log(HELP);
  return process.exit(fault === "" ? 0 : 2);
}

/** Progress goes to the error output, so that the output itself is the table. */
function say(line: string): void {
  console.error(line);
}

async function bench(where: Place, what: Options, into: Report): Promise<void> {
  for (const line of await machineLines(where)) into.facts.add(line);
  into.facts.add(changedSettings(what));
  if (what.parts.includes("review")) {
    into.others.push("", "review", "", ...(await reviewSpeed(where, say)));
  }
  for (const flavour of what.flavours) {
    for (const part of what.parts.filter((each) => each !== "review")) {
      await onStage(where, what, flavour, part, async (stage) => {
        into.facts.add(await databaseLine(stage.scene.database));
        if (part === "compare") {
          const done = await compare(stage);
          into.comparisons.set(NAMES[flavour], done);
          into.facts.add(methodLine(what, flavour, done));
        } else {
          const lines = await PARTS[part](stage);
          into.others.push("", `${part}, ${NAMES[flavour]}`, "", ...lines);
        }
      });
    }
  }
}

function methodLine(what: Options, flavour: DatabaseFlavour, done: Comparison): string {
  const { rounds, pools } = done;
  const load = `${what.inFlight} callers on ${what.channels} connections`;
  const pool = `pool of ${pools.spread} (spread) and ${pools.hot} (hot)`;
  const round = `${rounds.length} rounds of ${what.measureMs / 1_000} s a run`;
  return `${NAMES[flavour]}: ${round}; ${load}; the unit of work has a ${pool}`;
}

function print({ facts, comparisons, others }: Report): void {
  const lines = [...facts].map((fact) => `- ${fact}`);
  if (comparisons.size > 0) {
    lines.push("", ...comparisonTable(comparisons), "", ...goalTable(comparisons));
  }
  console.log([...lines, ...others].join("\n"));
}

/** Each part has servers of its own, so that none starts with what another left. */
async function onStage(
  where: Place,
  what: Options,
  flavour: DatabaseFlavour,
  part: Part,
  play: (stage: Stage) => Promise<void>,
): Promise<void> {
  const bufferPoolMiB = Math.max(what.bufferPoolMiB, LARGE_PARTS.has(part) ? LARGE_POOL_MIB : 0);
  const database = await openDatabase(where, flavour, bufferPoolMiB);
  const redis = what.redis ? await openRedis(where) : undefined;
  const credential = makeCredential(where);
  say(`${part} on ${NAMES[flavour]} ${database.version}`);
  await play({
    place: where,
    scene: { options: what, database, redisPid: redis?.pid, token: credential.token },
    credential,
    redisUrl: redis?.url,
    say,
  });
  await redis?.stop();
  await database.remove();
}
