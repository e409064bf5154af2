/**
 * Whether this server may serve: the database is there, has the schema of this program, and keeps
 * what it acknowledges. It's looked at again all the time, since a database that comes back after
 * a fail-over may be another one.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { MikroORM } from "@mikro-orm/mysql";
import { Refusal } from "../billing/refusal.ts";
import { findWeaknesses } from "../store/durability.ts";
import { missingMigrations } from "../store/migrate.ts";
import { classify, entryFault } from "../store/mysql-error.ts";

/**
 * Balancers should know of an outage within seconds: at the latest after this and LOOK_TIMEOUT_MS. Four
 * statements in this time cost nothing.
 */
const LOOK_EVERY_MS = 2_000;
/** Whoever waits for the database wants it soon, and many servers wait for it at once. */
const LOOK_AGAIN_MS = 1_000;
/** A database that hangs is as good as away. */
const LOOK_TIMEOUT_MS = 3_000;
/** While nothing changes, the log is told again after so many looks. */
const REMIND_EVERY = 60;
/** When a refused caller should come back. */
const RETRY_MS = 1_000;

/** What a look at the database has found. */
export type Finding =
  | { readonly kind: "fit" }
  /** It can't be reached at this moment, and nobody knows more. */
  | { readonly kind: "away"; readonly why: string; readonly fault: unknown }
  /** It's there and must not be served from. */
  | { readonly kind: "unfit"; readonly why: string };

export interface WatchOptions {
  /** What is done once before the first look, such as migrations; repeated until it succeeds. */
  readonly prepare: () => Promise<void>;
  readonly look: () => Promise<Finding>;
  /** Told when the server becomes ready or stops being so. */
  readonly changed: (isReady: boolean) => void;
  /** Told of each finding that is new, and now and then of one that stays. */
  readonly found: (finding: Finding, looks: number) => void;
}

export interface Readiness {
  isReady(): boolean;
  /** Resolves when the server is ready for the first time. */
  readonly first: Promise<void>;
  /** The port, refusing all calls while the database isn't known to be fit. */
  guard<Port extends object>(port: Port): Port;
  /** Looks from now on, until stopped. */
  watch(options: WatchOptions): void;
  /** Looks no more, and tells nothing more. */
  stop(): void;
}

/** A server that isn't ready yet. */
export function createReadiness(): Readiness {
  const { promise: first, resolve: beReady } = Promise.withResolvers<void>();
  const stopping = new AbortController();
  const { signal } = stopping;
  let isReady = false;
  // A connection lost later doesn't change what the database is: calls then try for themselves.
  let isKnownFit = false;
  return {
    first,
    isReady: () => isReady,
    guard: (port) => guarded(port, () => isKnownFit),
    watch(options) {
      const tell = createVoice(options.found);
      const learn = (finding: Finding): void => {
        if (signal.aborted) return;
        if (finding.kind !== "away") isKnownFit = finding.kind === "fit";
        tell(finding);
        if (isReady === (finding.kind === "fit")) return;
        isReady = !isReady;
        options.changed(isReady);
        if (isReady) beReady();
      };
      void lookOn(options, learn, signal);
    },
    stop: () => stopping.abort(),
  };
}

/** Passes on what is new, and now and then what stays bad. */
function createVoice(found: WatchOptions["found"]): (finding: Finding) => void {
  let last = "";
  let looks = 0;
  return (finding) => {
    const text = finding.kind === "fit" ? "fit" : `${finding.kind}: ${finding.why}`;
    looks = text === last ? looks + 1 : 1;
    last = text;
    const isReminder = finding.kind !== "fit" && looks % REMIND_EVERY === 0;
    if (looks === 1 || isReminder) found(finding, looks);
  };
}

async function lookOn(
  { prepare, look }: WatchOptions,
  learn: (finding: Finding) => void,
  signal: AbortSignal,
): Promise<void> {
  const pause = (ms: number) => sleep(ms, undefined, { signal }).catch(() => undefined);
  for (let isPrepared = false; !isPrepared && !signal.aborted;) {
    try {
      await prepare();
      isPrepared = true;
    } catch (fault) {
      const why = `the database ${entryFault(fault) ?? "can't be prepared"}`;
      learn({ kind: "away", why, fault });
      await pause(LOOK_AGAIN_MS);
    }
  }
  const lookOnce = patiently(look);
  while (!signal.aborted) {
    const finding = await lookOnce(signal);
    learn(finding);
    await pause(finding.kind === "fit" ? LOOK_EVERY_MS : LOOK_AGAIN_MS);
  }
}

/**
 * Looks for as long as may be waited. A look that hangs says that the database is away, and no
 * other is begun until it ends: they would take all connections.
 */
function patiently(look: () => Promise<Finding>): (signal: AbortSignal) => Promise<Finding> {
  let pending: Promise<Finding> | undefined;
  return async (signal) => {
    pending ??= look().finally(() => (pending = undefined));
    const impatience = new AbortController();
    const either = AbortSignal.any([signal, impatience.signal]);
    const late = sleep(LOOK_TIMEOUT_MS, undefined, { signal: either }).catch(() => undefined);
    const finding = await Promise.race([pending, late]);
    impatience.abort();
    return finding ?? { kind: "away", why: "the database doesn't answer", fault: undefined };
  };
}

/** An object whose methods, which all return promises, fail while `isOpen` says no. */
function guarded<Port extends object>(port: Port, isOpen: () => boolean): Port {
  return new Proxy(port, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) =>
        isOpen() ? (Reflect.apply(member, target, args) as unknown) : Promise.reject(notYet());
    },
  });
}

function notYet(): Refusal {
  const message = "this server has no database that it may serve from";
  return new Refusal("DATABASE_UNAVAILABLE", message, {}, { retryAfterMs: RETRY_MS });
}

/** Without a trial plan nobody can be registered: the catalogue was never written. */
const TRIAL_PLAN_SQL = "select 1 from plans where trial = 1 limit 1";

/** Looks at the database: is it there, is its schema ours, has it a catalogue, is it durable? */
export async function lookAtDatabase(
  orm: MikroORM,
  allowsWeakDurability: boolean,
): Promise<Finding> {
  try {
    const missing = await missingMigrations(orm);
    if (missing.length > 0) {
      const how = "run bin/migrate.ts, or set MIGRATE_ON_START=true";
      return { kind: "unfit", why: `the schema lacks ${missing.join(", ")}: ${how}` };
    }
    const trial = await orm.em.fork().execute<unknown[]>(TRIAL_PLAN_SQL);
    if (trial.length === 0) {
      return { kind: "unfit", why: "no plan is the trial's: set SEED_ON_START=true once" };
    }
    const weaknesses = allowsWeakDurability ? [] : await findWeaknesses(orm);
    if (weaknesses.length === 0) return { kind: "fit" };
    const lines = weaknesses.map(
      ({ setting, found, wanted, risk }) => `${setting} is ${found}, must be ${wanted} (${risk})`,
    );
    return { kind: "unfit", why: `the database isn't durable: ${lines.join("; ")}` };
  } catch (fault) {
    const isAway = classify(fault) === "connection-lost";
    const what = isAway ? "can't be reached" : "can't be looked at";
    return { kind: "away", why: `the database ${entryFault(fault) ?? what}`, fault };
  }
}
