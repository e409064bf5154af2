/** Where the service's CPU time goes: V8's sampling profiler, summed up by function and module. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startService } from "./contenders.ts";
import { checkBooks } from "./ledger.ts";
import { SPREAD_USERS } from "./options.ts";
import { run, type Shape } from "./runs.ts";
import { seedMembers } from "./seed-members.ts";
import { makeSchema } from "./seed.ts";
import type { Stage } from "./stage.ts";
import { markdownTable } from "./table.ts";

const SCHEMA = "profile";
const FUNCTIONS_SHOWN = 30;
const MODULES_SHOWN = 15;

const LOADS: readonly { readonly name: string; readonly shape: Shape }[] = [
  { name: "unary, spread", shape: { kind: "reserve", users: SPREAD_USERS } },
  { name: "stream, spread", shape: { kind: "stream", users: SPREAD_USERS } },
];

/** A `.cpuprofile`, as far as it is read here. Times are in microseconds. */
interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
  readonly startTime: number;
  readonly endTime: number;
}

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  /** From 0. */
  readonly lineNumber: number;
}

export async function profile(stage: Stage): Promise<string[]> {
  const { place, scene } = stage;
  const { database } = scene;
  const url = await makeSchema(database, SCHEMA);
  await seedMembers(database, SCHEMA, SPREAD_USERS, 1);
  const lines: string[] = [];
  for (const [at, { name, shape }] of LOADS.entries()) {
    const folder = join(place.directory, `profile-${database.flavour}-${at}`);
    const server = await startService(stage, url, {
      nodeArguments: ["--cpu-prof", `--cpu-prof-dir=${folder}`],
    });
    const beganMs = performance.now();
    const done = await run(scene, { server, schema: SCHEMA }, shape);
    const endedMs = performance.now();
    await server.stop();
    const goneMs = performance.now();
    const [file] = readdirSync(folder);
    if (file === undefined) throw new Error("the server left no profile");
    const whole = JSON.parse(readFileSync(join(folder, file), "utf8")) as CpuProfile;
    // Starting up and draining are not what is looked for.
    const times = selfTimes(whole, {
      fromUs: whole.endTime - (goneMs - beganMs) * 1_000,
      toUs: whole.endTime - (goneMs - endedMs) * 1_000,
    });
    lines.push(`${name}: ${done.perSecond.toFixed(0)} per second, profiled`, "");
    lines.push(...shareTable("module", sumBy(times, moduleOf), MODULES_SHOWN), "");
    lines.push(...shareTable("function", sumBy(times, placeOf), FUNCTIONS_SHOWN), "");
  }
  await checkBooks(database, SCHEMA);
  return lines;
}

/** The time in which each function itself was on top of the stack, idle time left out. */
function selfTimes(
  { nodes, samples, timeDeltas, startTime }: CpuProfile,
  { fromUs, toUs }: { readonly fromUs: number; readonly toUs: number },
): Map<CallFrame, number> {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const times = new Map<CallFrame, number>();
  let atUs = startTime;
  for (const [at, id] of samples.entries()) {
    const tookUs = timeDeltas[at] ?? 0;
    atUs += tookUs;
    const frame = frames.get(id);
    if (frame === undefined || frame.functionName === "(idle)") continue;
    if (atUs < fromUs || atUs > toUs) continue;
    times.set(frame, (times.get(frame) ?? 0) + tookUs);
  }
  return times;
}

function sumBy(
  times: ReadonlyMap<CallFrame, number>,
  nameOf: (frame: CallFrame) => string,
): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [frame, us] of times) {
    const name = nameOf(frame);
    sums.set(name, (sums.get(name) ?? 0) + us);
  }
  return sums;
}

/** A package, a folder of ours, Node itself, or what V8 names in brackets. */
function moduleOf({ functionName, url }: CallFrame): string {
  const inPackage = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (inPackage !== undefined) return inPackage;
  const own = /\/(src\/[^/]+)/.exec(url)?.[1];
  if (own !== undefined) return own;
  if (url.startsWith("node:")) return "node";
  return functionName.startsWith("(") ? functionName : "V8 and native code";
}

function placeOf({ functionName, url, lineNumber }: CallFrame): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  if (url === "") return name;
  const inPackage = /.*\/node_modules\/(.*)/.exec(url)?.[1];
  const own = /.*\/((?:src|bench)\/.*)/.exec(url)?.[1];
  return `${name} ${inPackage ?? own ?? url}:${lineNumber + 1}`;
}

function shareTable(what: string, sums: ReadonlyMap<string, number>, shown: number): string[] {
  const total = [...sums.values()].reduce((sum, us) => sum + us, 0);
  const largest = [...sums].sort(([, left], [, right]) => right - left).slice(0, shown);
  return markdownTable(
    [what, "self time"],
    largest.map(([name, us]) => [name, `${((us / total) * 100).toFixed(1)} %`]),
  );
}
