/**
 * The real gRPC server with nothing behind it: for what must be decided before any use case is
 * called. Whatever gets through is noted and fails as a bug would.
 */
import { UNOBSERVED_CALLS } from "../../src/telemetry/observer.ts";
import { startServer, type RunningServer, type ServerOptions } from "../../src/wire/server.ts";
import { Caller } from "./calls.ts";
import { IDENTITIES, keepingLog, type LogLine } from "./service.ts";

export interface BareServer {
  readonly server: RunningServer;
  readonly address: string;
  readonly caller: Caller;
  /** What was asked of the ports, such as `submit`. */
  readonly reached: string[];
  readonly logLines: readonly LogLine[];
  close(): Promise<void>;
}

export async function startBareServer(options: Partial<ServerOptions> = {}): Promise<BareServer> {
  const reached: string[] = [];
  const nothing = new Proxy(
    {},
    {
      get: (_, name) => () => {
        reached.push(String(name));
        return Promise.reject(new Error("nothing stands behind this server"));
      },
    },
  ) as never;
  const { log, lines } = keepingLog();
  const server = await startServer({
    host: "127.0.0.1",
    port: 0,
    identities: IDENTITIES,
    quota: { teller: nothing, reader: nothing },
    membership: { teller: nothing, quotaReader: nothing, reader: nothing, catalogReader: nothing },
    catalog: { books: nothing, reader: nothing, reviewer: nothing },
    reports: {
      costs: nothing,
      discrepancies: nothing,
      discrepancyReader: nothing,
      reconciler: nothing,
      now: Date.now,
      costReader: nothing,
      maker: nothing,
      reader: nothing,
      alerts: nothing,
      alertReader: nothing,
    },
    reviews: { reviewer: nothing, reader: nothing },
    orders: { cashier: nothing, reader: nothing, now: Date.now },
    observer: UNOBSERVED_CALLS,
    log,
    drainTimeoutMs: 1_000,
    ...options,
  });
  const address = `127.0.0.1:${server.port}`;
  const caller = new Caller(address);
  return {
    server,
    address,
    caller,
    reached,
    logLines: lines,
    async close() {
      caller.close();
      await server.drain();
    },
  };
}
