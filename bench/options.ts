/** What `npm run bench -- …` understands. */
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import type { DatabaseFlavour } from "../src/local/database.ts";

export interface Options {
  readonly parts: readonly Part[];
  readonly flavours: readonly DatabaseFlavour[];
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly soakMs: number;
  readonly inFlight: number;
  readonly channels: number;
  readonly processes: number;
  /** Pool sizes that the unit of work may choose from. */
  readonly pools: readonly number[];
  readonly largeUsers: number;
  /** Of the full year. */
  readonly yearPercent: number;
  readonly bufferPoolMiB: number;
  readonly redis: boolean;
  readonly directory: string;
}

export type Part = "compare" | "overload" | "large" | "soak" | "profile" | "callbacks" | "finance" | "review";

/** A user who comes to a service of ten thousand; the hot one comes alone. */
export const SPREAD_USERS = 10_000;

const OPTIONS = {
  quick: { type: "boolean", default: false },
  compare: { type: "boolean", default: false },
  overload: { type: "boolean", default: false },
  large: { type: "boolean", default: false },
  soak: { type: "boolean", default: false },
  profile: { type: "boolean", default: false },
  callbacks: { type: "boolean", default: false },
  finance: { type: "boolean", default: false },
  review: { type: "boolean", default: false },
  database: { type: "string", multiple: true },
  rounds: { type: "string" },
  "warm-up": { type: "string" },
  seconds: { type: "string" },
  "soak-seconds": { type: "string", default: "600" },
  "in-flight": { type: "string", default: "512" },
  channels: { type: "string", default: "4" },
  clients: { type: "string", default: "1" },
  pool: { type: "string", multiple: true },
  "large-users": { type: "string", default: "1000000" },
  "year-percent": { type: "string", default: "100" },
  "buffer-pool": { type: "string", default: "1024" },
  "no-redis": { type: "boolean", default: false },
  directory: { type: "string", default: tmpdir() },
  help: { type: "boolean", default: false },
} as const;

export const HELP = `npm run bench -- [options]

Parts (default: --compare --overload):
  --compare           the table: no-op server, unit of work and service, side by side
  --overload          ten times as many callers as it takes: refused early, and back to normal after
  --large             a million users and ten million log rows against an empty database (minutes)
  --soak              ten minutes of tasks: does the server's memory grow?
  --profile           where the service's CPU time goes, by function
  --callbacks         callbacks of WeChat Pay: kept durably, answered, turned into membership and quota
  --finance           a year of business: reports, bills, and reservations beside them (a quarter of an hour)
  --review            billing-review over a repository of 1,000 files; it needs no database

  --quick             one short round, only to see that everything runs; no figure to quote
  --database NAME     mariadb or mysql; may be given twice (default: both)
  --rounds N          rounds, interleaved (default 3)
  --seconds N         measured seconds of a run (default 6)
  --warm-up N         seconds before them that don't count (default 2)
  --soak-seconds N    (default 600)
  --in-flight N       callers in the closed loop (default 512)
  --channels N        connections of one load generator (default 4)
  --clients N         load generators, each a process (default 1)
  --pool N            pool size of the unit of work; may be given several times, the best is
                      taken (default 4, 8, 16, 32)
  --large-users N     (default 1000000), each with ten log rows
  --year-percent N    of the full year of --finance, 1 to 100 (default 100)
  --buffer-pool N     MiB of the database's buffer pool (default 1024; --large takes 4096 at least)
  --no-redis          the service without its second layer
  --directory PATH    where the data are, until the end (default: the system's temporary folder)

The service takes its TELLER_* and other settings from the environment, else its defaults.`;

/** @returns undefined when help was asked for. @throws Error when something isn't understood */
export function readOptions(words: readonly string[]): Options | undefined {
  const { values } = parseArgs({ args: [...words], options: OPTIONS, strict: true });
  if (values.help) return undefined;
  const { quick } = values;
  const named = PARTS.filter((part) => values[part]);
  const seconds = (name: string, fallback: number) => number(values, name, fallback) * 1_000;
  const preset: readonly Part[] = quick ? ["compare"] : ["compare", "overload"];
  return {
    parts: named.length > 0 ? named : preset,
    flavours: values.database?.map(flavourOf) ?? ["mariadb", "mysql"],
    rounds: number(values, "rounds", quick ? 1 : 3),
    warmUpMs: seconds("warm-up", quick ? 1 : 2),
    measureMs: seconds("seconds", quick ? 2 : 6),
    soakMs: seconds("soak-seconds", 600),
    inFlight: number(values, "in-flight", 512),
    channels: number(values, "channels", 4),
    processes: number(values, "clients", 1),
    pools: values.pool?.map((text) => whole("pool", text)) ?? (quick ? [16] : [4, 8, 16, 32]),
    largeUsers: number(values, "large-users", 1_000_000),
    yearPercent: number(values, "year-percent", 100),
    bufferPoolMiB: number(values, "buffer-pool", 1_024),
    redis: !values["no-redis"],
    directory: values.directory,
  };
}

const PARTS: readonly Part[] = [
  "compare",
  "overload",
  "large",
  "soak",
  "profile",
  "callbacks",
  "finance",
  "review",
];

function flavourOf(name: string): DatabaseFlavour {
  if (name === "mariadb" || name === "mysql") return name;
  throw new Error(`--database must be mariadb or mysql, not ${name}`);
}

function number(values: object, name: string, fallback: number): number {
  const text = (values as Readonly<Record<string, unknown>>)[name];
  return typeof text === "string" ? whole(name, text) : fallback;
}

function whole(name: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new Error(`--${name} must be a whole number from 1, not ${text}`);
}
