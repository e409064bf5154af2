/** The specification's own way behind the same gRPC; told its database by the environment. */
import { openOrm } from "../src/store/orm.ts";
import { tellServing } from "./child.ts";
import { servePlain } from "./plain-server.ts";
import { createReserve } from "./unit-of-work.ts";

/** Nobody is turned away: whoever finds no free connection waits for one. */
const QUEUE_LIMIT = 100_000;

const orm = await openOrm({
  url: process.env["BENCH_DATABASE_URL"]!,
  poolMax: Number(process.env["BENCH_POOL_MAX"]),
  queueLimit: QUEUE_LIMIT,
  keepsIdle: true,
});
tellServing(await servePlain(await createReserve(orm)));
