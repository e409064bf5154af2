/** The servers that are compared, started on schemas of their own. */
import { createHash, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startChild, type ChildOptions, type ChildServer } from "./child.ts";
import type { Options } from "./options.ts";
import type { Place } from "./place.ts";
import type { Stage } from "./stage.ts";

/** The bearer token of the load generator. */
export interface Credential {
  readonly token: string;
  /** The file that makes the service know it. */
  readonly identitiesFile: string;
}

export function makeCredential({ directory }: Place): Credential {
  const token = randomBytes(32).toString("hex");
  const identitiesFile = join(directory, "identities.json");
  const sha256 = createHash("sha256").update(token).digest("hex");
  const identity = { name: "bench", roles: ["pipeline", "admin"], token_sha256: sha256 };
  writeFileSync(identitiesFile, JSON.stringify([identity]), { mode: 0o600 });
  return { token, identitiesFile };
}

/** The service with its production defaults: metrics are on, traces aren't exported. */
export async function startService(
  { place, credential, redisUrl }: Stage,
  databaseUrl: string,
  more: ChildOptions = {},
): Promise<ChildServer> {
  const server = await startChild("service.ts", {
    ...more,
    environment: {
      DATABASE_URL: databaseUrl,
      // Set to nothing counts as not set: what the caller's shell has must not count.
      REDIS_URL: redisUrl ?? "",
      OTEL_EXPORTER_OTLP_ENDPOINT: "",
      IDENTITIES_FILE: credential.identitiesFile,
      GRPC_HOST: "127.0.0.1",
      GRPC_PORT: "0",
      METRICS_PORT: "0",
      TLS_CERT_FILE: "",
      TLS_KEY_FILE: "",
      TLS_CLIENT_CA_FILE: "",
      WECHAT_FILE: "",
      SEALING_KEYS_FILE: "",
      WEBHOOKS_FILE: "",
      ...more.environment,
    },
  });
  place.closers.add("service", () => server.stop());
  return server;
}

export async function startNoop(place: Place): Promise<ChildServer> {
  const server = await startChild("noop-server.ts");
  place.closers.add("no-op server", () => server.stop());
  return server;
}

export async function startUnitOfWork(
  place: Place,
  databaseUrl: string,
  poolMax: number,
): Promise<ChildServer> {
  const environment = { BENCH_DATABASE_URL: databaseUrl, BENCH_POOL_MAX: String(poolMax) };
  const server = await startChild("unit-of-work-server.ts", { environment });
  place.closers.add("unit of work", () => server.stop());
  return server;
}

/** Settings of the service that the environment changes: a table made with them has to say so. */
export function changedSettings({ redis }: Options): string {
  const names = /^(TELLER_|FLOOD_|DB_POOL_|SWEEP_)/;
  const changed = Object.entries(process.env).filter(([name]) => names.test(name));
  const words = [
    redis ? "with Redis" : "without Redis",
    ...changed.map(([name, value]) => `${name}=${value}`),
  ];
  return `service: its production defaults, metrics on, no traces, ${words.join(", ")}`;
}
