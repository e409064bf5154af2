/**
 * The comparison: no-op server, unit of work and service take turns, again and again, under the
 * same loads. The machine is shared and noisy, so a ratio is made of two runs that follow each
 * other, and what is told is the median over the rounds.
 */
import type { ChildServer } from "./child.ts";
import { startNoop, startService, startUnitOfWork } from "./contenders.ts";
import { checkBooks } from "./ledger.ts";
import { SPREAD_USERS } from "./options.ts";
import { run, type Run, type Scene, type Shape, type Target } from "./runs.ts";
import { seedMembers } from "./seed-members.ts";
import { makeSchema } from "./seed.ts";
import type { Stage } from "./stage.ts";

export const CONTENDERS = ["no-op", "unit of work", "service"] as const;
export type Contender = (typeof CONTENDERS)[number];

export const LOADS = [
  "unary, spread",
  "unary, one hot user",
  "stream, spread",
  "stream, one hot user",
] as const;
export type LoadName = (typeof LOADS)[number];

const SHAPES: Readonly<Record<LoadName, Shape>> = {
  "unary, spread": { kind: "reserve", users: SPREAD_USERS },
  "unary, one hot user": { kind: "reserve", users: 1 },
  "stream, spread": { kind: "stream", users: SPREAD_USERS },
  "stream, one hot user": { kind: "stream", users: 1 },
};

/** All runs of one load on one contender, one a round. */
export type Round = Readonly<Record<LoadName, Readonly<Record<Contender, Run>>>>;

export interface Comparison {
  readonly rounds: readonly Round[];
  /** The pool sizes that the unit of work did best with. */
  readonly pools: { readonly spread: number; readonly hot: number };
}

/** How long a pool size is tried; how long every server warms up before the first round. */
const TRIAL = { warmUpMs: 1_000, measureMs: 2_000 };

export async function compare(stage: Stage): Promise<Comparison> {
  const { place, scene, say } = stage;
  const { database } = scene;
  const ownUrl = await makeSchema(database, "service");
  const otherUrl = await makeSchema(database, "unit_of_work");
  for (const schema of ["service", "unit_of_work"]) {
    await seedMembers(database, schema, SPREAD_USERS, 1);
  }
  const service = { server: await startService(stage, ownUrl), schema: "service" };
  const noop = { server: await startNoop(place), schema: undefined };
  const pools = await choosePools(stage, otherUrl);
  const other = (name: LoadName) => (SHAPES[name].users === 1 ? pools.hot : pools.spread);
  const targets = (name: LoadName): Record<Contender, Target> => ({
    "no-op": noop,
    "unit of work": { server: other(name).server, schema: "unit_of_work" },
    service,
  });
  await warmUp(scene, [noop, service]);
  const rounds: Round[] = [];
  for (let round = 1; round <= scene.options.rounds; round++) {
    // Every other round goes the other way: whoever comes first must not always be the same.
    const order = round % 2 === 0 ? CONTENDERS.toReversed() : CONTENDERS;
    rounds.push(await oneRound(scene, targets, order, (line) => say(`round ${round}: ${line}`)));
  }
  const servers = new Set([service.server, noop.server, pools.spread.server, pools.hot.server]);
  for (const server of servers) await server.stop();
  await checkBooks(database, "service");
  await checkBooks(database, "unit_of_work");
  return { rounds, pools: { spread: pools.spread.size, hot: pools.hot.size } };
}

/** What is compiled on the way must not count against whoever comes first. */
async function warmUp(scene: Scene, targets: readonly Target[]): Promise<void> {
  for (const target of targets) {
    for (const name of ["unary, spread", "stream, spread"] as const) {
      await run(scene, target, { ...SHAPES[name], ...TRIAL });
    }
  }
}

async function oneRound(
  scene: Scene,
  targets: (name: LoadName) => Record<Contender, Target>,
  order: readonly Contender[],
  say: Stage["say"],
): Promise<Round> {
  const loads: [LoadName, Record<Contender, Run>][] = [];
  for (const name of LOADS) {
    const runs: [Contender, Run][] = [];
    for (const contender of order) {
      const done = await run(scene, targets(name)[contender], SHAPES[name]);
      say(`${name}, ${contender}: ${done.perSecond.toFixed(0)}/s`);
      runs.push([contender, done]);
    }
    loads.push([name, Object.fromEntries(runs) as Record<Contender, Run>]);
  }
  return Object.fromEntries(loads) as Record<LoadName, Record<Contender, Run>>;
}

interface Pool {
  readonly size: number;
  readonly server: ChildServer;
}

/** Tries each pool size under both loads and keeps the server that was best at each. */
async function choosePools(
  { place, scene, say }: Stage,
  databaseUrl: string,
): Promise<{ readonly spread: Pool; readonly hot: Pool }> {
  const tried: { pool: Pool; spread: number; hot: number }[] = [];
  for (const size of scene.options.pools) {
    const pool = { size, server: await startUnitOfWork(place, databaseUrl, size) };
    const target = { server: pool.server, schema: "unit_of_work" };
    const spread = await run(scene, target, { ...SHAPES["unary, spread"], ...TRIAL });
    const hot = await run(scene, target, { ...SHAPES["unary, one hot user"], ...TRIAL });
    tried.push({ pool, spread: spread.perSecond, hot: hot.perSecond });
    const figures = `${spread.perSecond.toFixed(0)}/s spread, ${hot.perSecond.toFixed(0)}/s hot`;
    say(`unit of work with a pool of ${size}: ${figures}`);
  }
  const bestAt = (load: "spread" | "hot") =>
    tried.reduce((best, next) => (next[load] > best[load] ? next : best)).pool;
  const chosen = { spread: bestAt("spread"), hot: bestAt("hot") };
  for (const { pool } of tried) {
    if (pool !== chosen.spread && pool !== chosen.hot) await pool.server.stop();
  }
  return chosen;
}
