/**
 * Overload: ten times as many callers as in the comparison. What is too much has to be refused with
 * a time to come back, what is taken has to be served as fast as ever, and afterwards everything
 * has to be as before.
 */
import { startService } from "./contenders.ts";
import { checkBooks } from "./ledger.ts";
import { SPREAD_USERS } from "./options.ts";
import { run, type Run, type Shape } from "./runs.ts";
import { seedMembers } from "./seed-members.ts";
import { makeSchema } from "./seed.ts";
import type { Stage } from "./stage.ts";
import { markdownTable } from "./table.ts";

const TIMES_TOO_MANY = 10;
const SCHEMA = "overload";
const SPREAD = { kind: "reserve", users: SPREAD_USERS } as const;
/** Shares of the usual figure: what must be done while many are refused, and again after it. */
const GOODPUT_LEAST = 0.8;
const RECOVERED_LEAST = 0.9;

interface Phase {
  readonly name: string;
  readonly shape: Shape;
}

export async function overload(stage: Stage): Promise<string[]> {
  const { scene, say } = stage;
  const { database, options } = scene;
  const url = await makeSchema(database, SCHEMA);
  await seedMembers(database, SCHEMA, SPREAD_USERS, 1);
  const server = await startService(stage, url);
  const inFlight = options.inFlight * TIMES_TOO_MANY;
  const long = { measureMs: options.measureMs * 2 };
  const phases: Phase[] = [
    { name: "warm-up", shape: SPREAD },
    { name: "before", shape: SPREAD },
    {
      name: "10 times as many, who wait as told",
      shape: { ...SPREAD, ...long, inFlight, afterRefusal: "wait" },
    },
    { name: "after it", shape: SPREAD },
    {
      name: "10 times as many, who return at once",
      shape: { ...SPREAD, ...long, inFlight, afterRefusal: "return" },
    },
    { name: "after it, again", shape: SPREAD },
  ];
  const runs: { readonly phase: Phase; readonly done: Run }[] = [];
  for (const phase of phases) {
    const done = await run(scene, { server, schema: SCHEMA }, phase.shape);
    say(`overload, ${phase.name}: ${done.perSecond.toFixed(0)}/s`);
    if (phase.name !== "warm-up") runs.push({ phase, done });
  }
  await server.stop();
  await checkBooks(database, SCHEMA);
  return markdownTable(
    [
      "callers",
      "answered per second",
      "ratio",
      "verdict",
      "p50 ms",
      "p99 ms",
      "refused per second",
      "p99 of refusals ms",
      "reasons",
      "without RetryInfo",
      "unknown",
      "peak MiB",
      "others' CPU",
    ],
    runs.map(({ phase, done }, at) => cells(phase, done, referenceOf(runs, at))),
  );
}

type Phases = readonly { readonly phase: Phase; readonly done: Run }[];

/**
 * What a phase is measured by. The machine is not the same from minute to minute, so an overload is
 * compared with the mean of what was done right before it and right after it, and what was done
 * after it with what was done before.
 */
function referenceOf(runs: Phases, at: number): number | undefined {
  const per = (index: number) => runs[index]?.done.perSecond ?? NaN;
  if (at === 0) return undefined;
  return isOverload(runs[at]!.phase) ? (per(at - 1) + per(at + 1)) / 2 : per(at - 2);
}

function isOverload({ shape }: Phase): boolean {
  return shape.afterRefusal !== undefined;
}

function cells(phase: Phase, done: Run, reference: number | undefined): string[] {
  const { name } = phase;
  const ratio = reference === undefined ? undefined : done.perSecond / reference;
  const least = isOverload(phase) ? GOODPUT_LEAST : RECOVERED_LEAST;
  const { refusals, withoutRetryInfo, unknown } = done.whole;
  const refusalMs = done.refusalLatency.quantileUs(0.99) / 1_000;
  return [
    name,
    done.perSecond.toFixed(0),
    ratio?.toFixed(2) ?? "",
    ratio === undefined ? "" : `${ratio >= least ? "reached" : "missed"} (≥ ${least})`,
    done.p50Ms.toFixed(0),
    done.p99Ms.toFixed(0),
    done.refusedPerSecond.toFixed(0),
    Number.isNaN(refusalMs) ? "-" : refusalMs.toFixed(0),
    Object.keys(refusals).join(" ") || "-",
    String(withoutRetryInfo),
    String(unknown),
    done.peakMib.toFixed(0),
    `${(done.othersShare * 100).toFixed(0)} %`,
  ];
}
