/** A queue in a process of its own, to be killed: says "started" and runs until it is. */
import { readFileSync } from "node:fs";
import { parseEndpoints } from "../../src/queue/endpoints.ts";
import { startQueue, type QueueLimits } from "../../src/queue/queue.ts";
import { openOrm } from "../../src/store/orm.ts";
import { listen } from "./queue.ts";

export interface ChildOptions {
  readonly databaseUrl: string;
  readonly redis: { readonly url: string; readonly prefix: string } | undefined;
  /** The entries of the operator's file. */
  readonly endpoints: readonly unknown[];
  readonly limits: Partial<QueueLimits>;
}

const options = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as ChildOptions;
const { databaseUrl, redis, limits } = options;
const { endpoints } = parseEndpoints(JSON.stringify(options.endpoints));
const orm = await openOrm({ url: databaseUrl, poolMax: 8 });
startQueue({ orm, redis, endpoints, limits, observer: listen() });
console.log("started");
