/** The server's configuration: the environment, read once, checked whole, and never changed. */
import { readFileSync } from "node:fs";
import type { z } from "zod";
import { DAY_MS, HOUR_MS, SECOND_MS } from "./billing/clock.ts";
import { readDatabase, type DatabaseAccess } from "./config/database.ts";
import { parseIdentities, type Identity } from "./config/identities.ts";
import { readSealing } from "./config/sealing.ts";
import { readTls, type Tls } from "./config/tls.ts";
import { readWechat } from "./config/wechat.ts";
import { VARIABLES, type Values, type VariableName } from "./config/variables.ts";
import { parseEndpoints, type Endpoint } from "./queue/endpoints.ts";
import type { SealingKeys } from "./store/sealing.ts";
import { redactText } from "./telemetry/redaction.ts";
import type { WechatOptions } from "./wechat/options.ts";

export type { Identity } from "./config/identities.ts";
export type { Tls } from "./config/tls.ts";

export interface Config {
  readonly database: DatabaseAccess & {
    readonly poolMax: number;
    readonly statementTimeoutMs: number;
    readonly migrateOnStart: boolean;
    readonly seedOnStart: boolean;
    readonly allowWeakDurability: boolean;
  };
  /** Undefined: no second layer. */
  readonly redis: { readonly url: string } | undefined;
  readonly floodMaxPerSecond: number;
  readonly grpc: {
    readonly host: string;
    readonly port: number;
    /** Undefined: plain text, which was checked to be meant. */
    readonly tls: Tls | undefined;
  };
  readonly identities: readonly Identity[];
  readonly teller: { readonly lanes: number; readonly batchMax: number; readonly queueMax: number };
  readonly refundWindowMs: number;
  readonly sweepIntervalMs: number;
  /** How long before its end a membership is told of; 0: never. */
  readonly membershipExpiringMs: number;
  /** From the end of a check of the ledgers to the begin of the next; 0: never. */
  readonly ledgerCheckIntervalMs: number;
  readonly reports: {
    /** After midnight in Asia/Shanghai; null: this server makes none by itself. */
    readonly timeOfDayMs: number | null;
    readonly vatBasisPoints: bigint;
  };
  /** From the end of a look at the rules of alerts to the begin of the next; 0: never. */
  readonly alertCheckIntervalMs: number;
  readonly drainTimeoutMs: number;
  /** Undefined: no merchant account, and nothing is sold. */
  readonly wechat: WechatConfig | undefined;
  /** The keys of sensitive columns; undefined: nothing that needs them is stored. */
  readonly sealing: SealingKeys | undefined;
  /** Who is told of events; empty: nobody. */
  readonly endpoints: readonly Endpoint[];
  /** Where the finance console is; undefined: there is none. */
  readonly console: { readonly host: string; readonly port: number } | undefined;
  readonly metrics: { readonly host: string; readonly port: number };
  readonly logLevel: Values["LOG_LEVEL"];
  /** Undefined: no traces. */
  readonly tracing: { readonly endpoint: string; readonly sampleRatio: number } | undefined;
}

export interface WechatConfig {
  readonly merchant: WechatOptions;
  /** Where callbacks are listened for; the path is that of the merchant's notify URL. */
  readonly callback: { readonly host: string; readonly port: number };
  readonly checkIntervalMs: number;
  /** Whether each day's bill is checked by itself. */
  readonly checkBills: boolean;
}

export interface ConfigFault {
  readonly variable: VariableName;
  /** What is wrong, as a sentence about the variable. */
  readonly rule: string;
  /** What was given, without secrets; undefined where nothing was. */
  readonly given: string | undefined;
}

/** All that is wrong with the environment. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(faults.map(lineOf).join("\n"));
    this.faults = faults;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the configuration and the files that it names.
 * @throws ConfigError with every fault, not only the first
 */
export function loadConfig(environment: Environment): Config {
  const given = setVariables(environment);
  const faults: ConfigFault[] = [];
  const fault = (variable: VariableName, rule: string) => {
    faults.push({ variable, rule, given: shown(variable, given[variable]) });
  };
  const values = parseValues(given, fault);
  const readFile = (variable: VariableName) => {
    const path = values[variable];
    if (typeof path !== "string") return undefined;
    try {
      return readFileSync(path);
    } catch (error) {
      fault(variable, `can't be read: ${(error as NodeJS.ErrnoException).code ?? "unknown fault"}`);
      return undefined;
    }
  };
  const database = readDatabase(values, readFile, fault);
  const tls = readTls(readFile, fault);
  const { identities, faults: strangers } = parseIdentities(
    String(readFile("IDENTITIES_FILE") ?? "[]"),
  );
  const wasRead = !faults.some(({ variable }) => variable === "IDENTITIES_FILE");
  if (wasRead) for (const stranger of strangers) fault("IDENTITIES_FILE", stranger);
  const merchant = readWechat(values.WECHAT_FILE, readFile("WECHAT_FILE"), fault);
  const sealing = readSealing(readFile("SEALING_KEYS_FILE"), fault);
  const { endpoints, faults: strange } = parseEndpoints(String(readFile("WEBHOOKS_FILE") ?? "[]"));
  for (const each of strange) fault("WEBHOOKS_FILE", each);
  findContradictions(values, given, identities, fault);
  if (faults.length > 0 || database === undefined) throw new ConfigError(faults);
  return configOf(values as Values, { database, identities, tls, merchant, sealing, endpoints });
}

type Tell = (variable: VariableName, rule: string) => void;
type Given = { readonly [Name in VariableName]?: string };

/** A variable set to nothing, as compose files do it, isn't set. */
function setVariables(environment: Environment): Given {
  const names = Object.keys(VARIABLES) as VariableName[];
  const set = names.flatMap((name) => {
    const text = environment[name]?.trim();
    return text === undefined || text === "" ? [] : [[name, text] as const];
  });
  return Object.fromEntries(set);
}

/** The values; those of faulty variables are missing. */
function parseValues(given: Given, fault: Tell): Partial<Values> {
  const values: Record<string, unknown> = {};
  for (const [name, { schema, rule, required }] of Object.entries(VARIABLES)) {
    const variable = name as VariableName;
    const result = (schema as z.ZodType).safeParse(given[variable]);
    if (result.success) values[variable] = result.data;
    else if (required && given[variable] === undefined) fault(variable, `is not set: ${rule}`);
    else fault(variable, `must be ${rule}`);
  }
  return values;
}

/** Values that are right alone and wrong together. */
function findContradictions(
  values: Partial<Values>,
  given: Given,
  identities: readonly Identity[],
  fault: Tell,
): void {
  const hasTls = given.TLS_CERT_FILE !== undefined || given.TLS_KEY_FILE !== undefined;
  if (hasTls && given.TLS_CERT_FILE === undefined) {
    fault("TLS_CERT_FILE", "must be set together with TLS_KEY_FILE");
  }
  if (hasTls && given.TLS_KEY_FILE === undefined) {
    fault("TLS_KEY_FILE", "must be set together with TLS_CERT_FILE");
  }
  if (!hasTls && given.TLS_CLIENT_CA_FILE !== undefined) {
    fault("TLS_CLIENT_CA_FILE", "needs TLS_CERT_FILE and TLS_KEY_FILE");
  }
  const { GRPC_HOST: host, GRPC_ALLOW_PLAINTEXT: mayBePlain } = values;
  if (!hasTls && host !== undefined && !isLoopback(host) && mayBePlain === false) {
    fault("GRPC_HOST", "is not loopback: set TLS_CERT_FILE, or GRPC_ALLOW_PLAINTEXT=true");
  }
  const { CONSOLE_PORT: consolePort, CONSOLE_HOST: consoleHost } = values;
  const isOpen = consolePort !== undefined && consoleHost !== undefined && !isLoopback(consoleHost);
  if (!hasTls && isOpen && mayBePlain === false) {
    fault("CONSOLE_HOST", "is not loopback: set TLS_CERT_FILE, or GRPC_ALLOW_PLAINTEXT=true");
  }
  if (hasTls && mayBePlain) {
    fault("GRPC_ALLOW_PLAINTEXT", "contradicts TLS_CERT_FILE: with TLS nothing is plain text");
  }
  if (given.TLS_CLIENT_CA_FILE === undefined && identities.some(({ uriSan }) => uriSan)) {
    fault("IDENTITIES_FILE", "has callers with a uri_san, who need TLS_CLIENT_CA_FILE");
  }
  const { DB_POOL_MAX: pool, TELLER_LANES: lanes } = values;
  if (pool !== undefined && lanes !== undefined && pool <= lanes) {
    fault("DB_POOL_MAX", `must be more than TELLER_LANES, which is ${lanes}`);
  }
  const { TELLER_QUEUE_MAX: queue, TELLER_BATCH_MAX: batch } = values;
  if (queue !== undefined && batch !== undefined && queue < batch) {
    fault("TELLER_QUEUE_MAX", `must be at least TELLER_BATCH_MAX, which is ${batch}`);
  }
  const { GRPC_PORT: port, METRICS_PORT: metricsPort, METRICS_HOST: metricsHost } = values;
  if (port !== undefined && port !== 0 && port === metricsPort && host === metricsHost) {
    fault("METRICS_PORT", "must not be GRPC_PORT on the same host");
  }
  if (given.WECHAT_FILE !== undefined && given.SEALING_KEYS_FILE === undefined) {
    fault("SEALING_KEYS_FILE", "is needed with WECHAT_FILE: who pays is stored sealed");
  }
  if (given.TRACE_SAMPLE_RATIO !== undefined && !given.OTEL_EXPORTER_OTLP_ENDPOINT) {
    fault(
      "TRACE_SAMPLE_RATIO",
      "needs OTEL_EXPORTER_OTLP_ENDPOINT: without it there are no traces",
    );
  }
}

/** True for addresses that other machines can't reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** What the files hold that the variables name. */
interface Files {
  readonly database: DatabaseAccess;
  readonly identities: readonly Identity[];
  readonly tls: Tls | undefined;
  readonly merchant: WechatOptions | undefined;
  readonly sealing: SealingKeys | undefined;
  readonly endpoints: readonly Endpoint[];
}

function configOf(values: Values, files: Files): Config {
  const { database, identities, tls, merchant, sealing, endpoints } = files;
  const { REDIS_URL: redisUrl, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = values;
  return {
    database: {
      ...database,
      poolMax: values.DB_POOL_MAX,
      statementTimeoutMs: values.DB_STATEMENT_TIMEOUT_SECONDS * SECOND_MS,
      migrateOnStart: values.MIGRATE_ON_START,
      seedOnStart: values.SEED_ON_START,
      allowWeakDurability: values.ALLOW_WEAK_DURABILITY,
    },
    redis: redisUrl === undefined ? undefined : { url: redisUrl },
    floodMaxPerSecond: values.FLOOD_MAX_PER_SECOND,
    grpc: { host: values.GRPC_HOST, port: values.GRPC_PORT, tls },
    identities,
    teller: {
      lanes: values.TELLER_LANES,
      batchMax: values.TELLER_BATCH_MAX,
      queueMax: values.TELLER_QUEUE_MAX,
    },
    refundWindowMs: values.REFUND_WINDOW_HOURS * HOUR_MS,
    sweepIntervalMs: values.SWEEP_INTERVAL_SECONDS * SECOND_MS,
    membershipExpiringMs: values.MEMBERSHIP_EXPIRING_DAYS * DAY_MS,
    ledgerCheckIntervalMs: values.LEDGER_CHECK_INTERVAL_SECONDS * SECOND_MS,
    reports: {
      timeOfDayMs: values.REPORT_TIME,
      vatBasisPoints: BigInt(values.VAT_RATE_BASIS_POINTS),
    },
    alertCheckIntervalMs: values.ALERT_CHECK_INTERVAL_SECONDS * SECOND_MS,
    drainTimeoutMs: values.DRAIN_TIMEOUT_SECONDS * SECOND_MS,
    wechat: merchant && {
      merchant,
      callback: { host: values.CALLBACK_HOST, port: values.CALLBACK_PORT },
      checkIntervalMs: values.PAYMENT_CHECK_INTERVAL_SECONDS * SECOND_MS,
      checkBills: values.BILL_CHECK,
    },
    sealing,
    endpoints,
    console:
      values.CONSOLE_PORT === undefined
        ? undefined
        : { host: values.CONSOLE_HOST, port: values.CONSOLE_PORT },
    metrics: { host: values.METRICS_HOST, port: values.METRICS_PORT },
    logLevel: values.LOG_LEVEL,
    tracing:
      endpoint === undefined ? undefined : { endpoint, sampleRatio: values.TRACE_SAMPLE_RATIO },
  };
}

const SHOWN_MAX = 200;

/** What was given, without a secret: of a URL that may bear a password only where it leads. */
function shown(variable: VariableName, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (!VARIABLES[variable].secret) return JSON.stringify(redactText(text).slice(0, SHOWN_MAX));
  const url = URL.parse(text);
  // `user:password@host` is a URL too, of the scheme "user": only one with a host is taken apart.
  if (url === null || url.hostname === "") return "(not shown)";
  return JSON.stringify(`${url.protocol}//…${url.host}${url.pathname}`);
}

function lineOf({ variable, rule, given }: ConfigFault): string {
  return `${variable} ${rule}${given === undefined ? "" : ` (given: ${given})`}`;
}
