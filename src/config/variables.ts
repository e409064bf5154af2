/** The environment variables of the server: each with its rule, its default and what it is for. */
import { z } from "zod";
import { HOUR_MS, MINUTE_MS } from "../billing/clock.ts";

export interface Variable<Value> {
  /** Text to value; undefined for a variable that may be left out and is. */
  readonly schema: z.ZodType<Value>;
  /** What a value has to be, as the end of a sentence that begins with "must be". */
  readonly rule: string;
  /** What counts when it isn't set; undefined: nothing does. */
  readonly fallback: string | undefined;
  readonly required: boolean;
  /** True for values that are never shown whole. */
  readonly secret: boolean;
  readonly about: string;
}

type ValueOf<V> = V extends Variable<infer Value> ? Value : never;
export type Values = { readonly [Name in VariableName]: ValueOf<(typeof VARIABLES)[Name]> };
export type VariableName = keyof typeof VARIABLES;

/** A rule with the schema that holds it. */
interface Rule<Value> {
  readonly schema: z.ZodType<Value, string>;
  readonly rule: string;
  readonly secret?: boolean;
}

const PORT_MAX = 65_535;

export const VARIABLES = {
  DATABASE_URL: required(
    address(["mysql:"], "mysql://user:password@host:port/schema", /^\/[^/]+$/),
    "The database: MySQL 8.4 or later, or MariaDB 10.11 or later.",
  ),
  DATABASE_TLS: preset(
    oneOf(["off", "require", "verify"]),
    "off",
    "Encrypts the way to the database: `require` takes any certificate, `verify` the named host's only.",
  ),
  DATABASE_TLS_CA_FILE: optional(
    path(),
    "Authorities of the database's certificate, PEM, for `verify`; without it those that Node trusts.",
  ),
  DB_STATEMENT_TIMEOUT_SECONDS: preset(
    whole("seconds", 5, 600),
    "6",
    "What a statement may take; then its connection is given up and the database counts as away.",
  ),
  DB_POOL_MAX: preset(
    whole("connections", 2, 500),
    "16",
    "Connections to the database; more than `TELLER_LANES`: each lane has one, and reads share the others.",
  ),
  MIGRATE_ON_START: preset(
    flag(),
    "false",
    "Brings the schema up to date before serving. Without it a server waits for `bin/migrate.ts`.",
  ),
  SEED_ON_START: preset(
    flag(),
    "false",
    "Writes what is missing of the starting catalogue (plans and features) before serving.",
  ),
  ALLOW_WEAK_DURABILITY: preset(
    flag(),
    "false",
    "Development only: serves on a database that may lose what it has acknowledged.",
  ),
  REDIS_URL: optional(
    address(["redis:", "rediss:"], "redis://:password@host:port/", /^(\/\d*)?$/),
    "The second layer: locks across servers and the flood gate. Without it answers stay right.",
  ),
  FLOOD_MAX_PER_SECOND: preset(
    whole("reservations of one user in a second", 1, 1_000_000),
    "20000",
    "Beyond this the gate in Redis turns reservations away before they reach the database.",
  ),
  GRPC_HOST: preset(host(), "127.0.0.1", "Where calls are listened for."),
  GRPC_PORT: preset(port(), "50051", "0 takes a free one."),
  GRPC_ALLOW_PLAINTEXT: preset(
    flag(),
    "false",
    "Listens beyond loopback without TLS: only where the network itself encrypts.",
  ),
  TLS_CERT_FILE: optional(
    path(),
    "The server's certificate with its chain, PEM. Together with the key.",
  ),
  TLS_KEY_FILE: optional(path(), "The certificate's private key, PEM."),
  TLS_CLIENT_CA_FILE: optional(
    path(),
    "Authorities of client certificates, PEM: callers are known by the URI in theirs (mTLS).",
  ),
  IDENTITIES_FILE: required(path(), "Who may call: JSON, see [Callers](#callers)."),
  TELLER_LANES: preset(
    whole("lanes", 1, 64),
    "2",
    "Batches under way at one time, each on a connection of its own; as many as there are cores.",
  ),
  TELLER_BATCH_MAX: preset(
    whole("commands", 1, 1_024),
    "512",
    "Commands in one transaction at most.",
  ),
  TELLER_QUEUE_MAX: preset(
    whole("commands", 1, 100_000),
    "2048",
    "Commands that may wait in one lane; a further one is refused as OVERLOADED.",
  ),
  REFUND_WINDOW_HOURS: preset(
    whole("hours", 0, 8_760),
    "168",
    "How long after a commit a fault of the system still brings quota back.",
  ),
  SWEEP_INTERVAL_SECONDS: preset(
    whole("seconds", 1, 3_600),
    "10",
    "Pause between two rounds that give stranded holds back.",
  ),
  MEMBERSHIP_EXPIRING_DAYS: preset(
    whole("days", 0, 30),
    "3",
    "How long before a membership's end the event `membership.expiring` tells of it; 0: never.",
  ),
  LEDGER_CHECK_INTERVAL_SECONDS: preset(
    whole("seconds", 0, 604_800),
    "3600",
    "Pause between two checks of all ledgers, see [docs/ledger.md](ledger.md), by one server at a time; 0: never by this one.",
  ),
  REPORT_TIME: preset(
    timeOfDay(),
    "10:30",
    "When the day before gets its report, see [docs/finance.md](finance.md), in Asia/Shanghai; `never`: not by this server.",
  ),
  VAT_RATE_BASIS_POINTS: preset(
    whole("hundredths of a per cent", 0, 10_000),
    "600",
    "The rate of VAT that prices contain; reports name what is contained in revenue.",
  ),
  ALERT_CHECK_INTERVAL_SECONDS: preset(
    whole("seconds", 0, 86_400),
    "300",
    "Pause between two looks at the rules of alerts, see [docs/alerts.md](alerts.md), by one server at a time; 0: never by this one.",
  ),
  DRAIN_TIMEOUT_SECONDS: preset(
    whole("seconds", 1, 600),
    "25",
    "What open calls get to end after SIGTERM; shorter than the grace of whoever stops us.",
  ),
  METRICS_HOST: preset(host(), "127.0.0.1", "Where Prometheus reads `/metrics`; without TLS."),
  METRICS_PORT: preset(port(), "9464", "0 takes a free one."),
  WECHAT_FILE: optional(
    path(),
    "The merchant account at WeChat Pay: JSON, see [docs/payments.md](payments.md). Without it nothing is sold.",
  ),
  SEALING_KEYS_FILE: optional(
    path(),
    "The keys of sensitive columns: JSON, see [docs/keys.md](keys.md). Needed with `WECHAT_FILE`.",
  ),
  CALLBACK_HOST: preset(host(), "127.0.0.1", "Where WeChat Pay's callbacks are listened for, behind TLS."),
  CALLBACK_PORT: preset(port(), "8080", "0 takes a free one. Not listened on without `WECHAT_FILE`."),
  PAYMENT_CHECK_INTERVAL_SECONDS: preset(
    whole("seconds", 1, 3_600),
    "10",
    "Pause between two rounds that ask WeChat Pay about pending orders and refunds.",
  ),
  BILL_CHECK: preset(
    flag(),
    "true",
    "Checks each day's bills against the books, see [docs/bills.md](bills.md); only with `WECHAT_FILE`.",
  ),
  WEBHOOKS_FILE: optional(
    path(),
    "Who is told of events: JSON, see [docs/queue.md](queue.md). Without it nobody is.",
  ),
  CONSOLE_HOST: preset(
    host(),
    "127.0.0.1",
    "Where the finance console is listened for, see [docs/console.md](console.md); with gRPC's certificate where it has one.",
  ),
  CONSOLE_PORT: optional(port(), "0 takes a free one. Without it there is no console."),
  LOG_LEVEL: preset(
    oneOf(["debug", "info", "warn", "error"]),
    "info",
    "The least grave lines that are written.",
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(
    address(["http:", "https:"], "http://collector:4318"),
    "Where traces are sent (OTLP over HTTP). Without it there are none.",
  ),
  TRACE_SAMPLE_RATIO: preset(
    share(),
    "0.01",
    "The share of calls traced whose callers don't trace; a caller's own decision wins.",
  ),
};

function preset<Value>(rule: Rule<Value>, fallback: string, about: string): Variable<Value> {
  const schema = rule.schema.prefault(fallback);
  return { ...rule, schema, fallback, required: false, secret: rule.secret ?? false, about };
}

function required<Value>(rule: Rule<Value>, about: string): Variable<Value> {
  return { ...rule, fallback: undefined, required: true, secret: rule.secret ?? false, about };
}

function optional<Value>(rule: Rule<Value>, about: string): Variable<Value | undefined> {
  const schema = rule.schema.optional();
  return {
    ...rule,
    schema,
    fallback: undefined,
    required: false,
    secret: rule.secret ?? false,
    about,
  };
}

function whole(unit: string, min: number, max: number): Rule<number> {
  const schema = z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(z.number().int().min(min).max(max));
  return { schema, rule: `a whole number of ${unit} from ${min} to ${max}` };
}

function port(): Rule<number> {
  return { ...whole("port", 0, PORT_MAX), rule: `a port from 0 to ${PORT_MAX}` };
}

function share(): Rule<number> {
  const schema = z
    .string()
    .regex(/^(0|1|[01]?\.\d{1,9})$/)
    .transform(Number)
    .pipe(z.number().min(0).max(1));
  return { schema, rule: "a number from 0 to 1" };
}

function flag(): Rule<boolean> {
  // Not "1", "yes" or "on": what switches a guard off is spelled out.
  const schema = z.enum(["true", "false"]).transform((text) => text === "true");
  return { schema, rule: "true or false" };
}

/** Milliseconds after midnight; null for `never`. */
function timeOfDay(): Rule<number | null> {
  const schema = z
    .string()
    .regex(/^(?:never|(?:[01]\d|2[0-3]):[0-5]\d)$/)
    .transform((text) => {
      if (text === "never") return null;
      const [hours, minutes] = text.split(":").map(Number) as [number, number];
      return hours * HOUR_MS + minutes * MINUTE_MS;
    });
  return { schema, rule: "a time of day from 00:00 to 23:59, or never" };
}

function oneOf<const Word extends string>(words: readonly Word[]): Rule<Word> {
  return { schema: z.enum(words), rule: `one of ${words.join(", ")}` };
}

function path(): Rule<string> {
  return { schema: z.string().regex(/^[^\0]{1,4096}$/), rule: "the path of a file" };
}

function host(): Rule<string> {
  const schema = z.string().regex(/^[A-Za-z0-9.:_-]{1,253}$/);
  return { schema, rule: "a host name or an IP address" };
}

/** A URL. It may bear a password, so it's never shown whole. */
function address(protocols: string[], example: string, pathname = /^.*$/): Rule<string> {
  const isRight = (text: string) => {
    const url = URL.parse(text);
    if (url === null || url.hostname === "") return false;
    return protocols.includes(url.protocol) && pathname.test(url.pathname);
  };
  return { schema: z.string().refine(isRight), rule: `a URL such as ${example}`, secret: true };
}
