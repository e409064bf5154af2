/** billing-hook: what a pipeline in any language calls when a task is done or has failed. */
import { readFile } from "node:fs/promises";

import { connect, type BillingClient } from "./client.ts";
import {
  DELIVERY_DEADLINE_MAX_MS,
  deliverInBackground,
  deliverNow,
  deliverUnspooled,
  deliverWaiting,
  sendWith,
  type Delivery,
  type Round,
  type Send,
} from "./delivery.ts";
import { asError, type BillingError } from "./errors.ts";
import { parseHook, USAGE, UsageError, type HookSettings } from "./hook-words.ts";
import { stateName } from "./requests.ts";
import { Spool, type SpoolStep } from "./spool.ts";
import type { DeadEntry } from "./spool-dead.ts";
import type { SpoolEntry } from "./spool-entry.ts";

/** What the hook touches of the process that it runs in. */
export interface HookSurroundings {
  /** Without the program and its file. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Given each line of JSON. */
  readonly print: (line: string) => void;
  /** Given what only people read. */
  readonly warn: (line: string) => void;
  /** Ends `flush --watch`. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each step with the spool; awaited. It lets tests end the process just there. */
  readonly onStep?: ((step: SpoolStep) => void | Promise<void>) | undefined;
}

/** The exit codes; `USAGE` in hook-words.ts says what they mean. */
export const EXIT = { DONE: 0, REFUSED: 1, USAGE: 2, LOST: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A hook that came through takes so many others along; the rest is left to `flush`. */
const TAKEN_ALONG_MAX = 20;
/** Dead entries that `status` lists. */
const DEAD_LISTED_MAX = 100;

/** Runs one command. What goes wrong is an exit code and a line of JSON. */
export async function runHook(surroundings: HookSurroundings): Promise<ExitCode> {
  const { argv, env, print, warn } = surroundings;
  try {
    const { command, settings } = parseHook(argv, env, Date.now());
    if (command.name === "help") warn(USAGE);
    if (command.name === "deliver") return await deliver(command.entry, settings, surroundings);
    if (command.name === "status") await showStatus(settings, print);
    if (command.name === "flush") return await flush(command, settings, surroundings);
    return EXIT.DONE;
  } catch (error) {
    const { message } = asError(error);
    if (error instanceof UsageError) {
      warn(`billing-hook: ${message}\n\n${USAGE}`);
      print(json({ outcome: "USAGE", message }));
      return EXIT.USAGE;
    }
    warn(`billing-hook: ${message}`);
    print(json({ outcome: "FAILED", message }));
    return EXIT.LOST;
  }
}

async function deliver(
  entry: SpoolEntry,
  settings: HookSettings,
  { print, warn, onStep }: HookSurroundings,
): Promise<ExitCode> {
  const line = openLine(settings);
  try {
    const spool = await Spool.open(settings.spoolDir, { onStep }).catch(asError);
    const delivery =
      spool instanceof Spool
        ? await deliverNow(spool, line.send, entry)
        : await deliverUnspooled(line.send, entry, spool);
    print(json(reportOf(entry, delivery)));
    if (delivery.spoolError !== undefined) {
      warn(`billing-hook: spool: ${delivery.spoolError.message}`);
    }
    if (delivery.outcome === "SPOOLED") warn(`billing-hook: spooled: ${delivery.error.message}`);
    if (delivery.outcome === "DELIVERED" && spool instanceof Spool) {
      await takeAlong(spool, line.send, warn);
    }
    return exitCodeOf(delivery);
  } finally {
    line.close();
  }
}

/**
 * The service is there: what waited for it can go as well. It doesn't change this call's outcome.
 */
async function takeAlong(spool: Spool, send: Send, warn: (line: string) => void): Promise<void> {
  try {
    const { refused } = await deliverWaiting(spool, send, { maxEntries: TAKEN_ALONG_MAX });
    if (refused > 0) {
      warn(`billing-hook: ${refused} spooled calls were refused: see billing-hook status`);
    }
  } catch (error) {
    warn(`billing-hook: spool: ${String(error)}`);
  }
}

function exitCodeOf({ outcome }: Delivery): ExitCode {
  if (outcome === "REFUSED") return EXIT.REFUSED;
  return outcome === "LOST" ? EXIT.LOST : EXIT.DONE;
}

async function flush(
  { watch, intervalMs }: { readonly watch: boolean; readonly intervalMs: number | undefined },
  settings: HookSettings,
  { print, warn, signal, onStep }: HookSurroundings,
): Promise<ExitCode> {
  const line = openLine(settings);
  try {
    const spool = await Spool.open(settings.spoolDir, { onStep });
    if (watch) {
      const onRound = (round: Round): void => print(json(roundReport(round)));
      const onError = (error: unknown): void => warn(`billing-hook: spool: ${String(error)}`);
      const delivery = deliverInBackground(spool, line.send, { intervalMs, onRound, onError });
      await aborted(signal);
      await delivery.stop();
      return EXIT.DONE;
    }
    const round = await deliverWaiting(spool, line.send, { all: true });
    const { waiting, claimed, dead } = await spool.status();
    print(json({ ...roundReport(round), waiting, claimed, dead }));
    return round.refused + round.corrupt > 0 ? EXIT.REFUSED : EXIT.DONE;
  } finally {
    line.close();
  }
}

/** Never ends without a signal: then only the end of the process ends the watch. */
function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) resolve();
    signal?.addEventListener("abort", () => resolve(), { once: true });
  });
}

async function showStatus(
  { spoolDir }: HookSettings,
  print: (line: string) => void,
): Promise<void> {
  const spool = await Spool.open(spoolDir);
  const { waiting, claimed, dead, oldestTimeMs } = await spool.status();
  const oldestTime = oldestTimeMs === undefined ? null : new Date(oldestTimeMs).toISOString();
  const deadEntries = (await spool.dead()).slice(-DEAD_LISTED_MAX).map(deadReport);
  print(json({ spoolDir, waiting, claimed, dead, oldestTime, deadEntries }));
}

/** A line to the service, opened when it is first needed. */
function openLine(settings: HookSettings): { send: Send; close: () => void } {
  let client: BillingClient | undefined;
  return {
    async send(entry) {
      client ??= await dial(settings);
      return sendWith(client)(entry);
    },
    close: () => client?.close(),
  };
}

async function dial(settings: HookSettings): Promise<BillingClient> {
  const { address, tokenFile, tlsCaFile, tlsCertFile, tlsKeyFile, tlsServerName } = settings;
  if (address === undefined) throw new Error("BILLING_ADDRESS is not set, so nothing can be sent");
  const usesTls = tlsCaFile !== undefined || tlsCertFile !== undefined || tlsKeyFile !== undefined;
  const tls = usesTls
    ? {
        caPem: await contentOf(tlsCaFile),
        certPem: await contentOf(tlsCertFile),
        keyPem: await contentOf(tlsKeyFile),
        serverName: tlsServerName,
      }
    : undefined;
  return connect({
    address,
    // Read anew for each attempt: tokens are rotated.
    token:
      tokenFile === undefined ? undefined : async () => (await readFile(tokenFile, "utf8")).trim(),
    tls,
    allowPlaintext: settings.allowPlaintext,
    callerDeadlineMs:
      settings.deadlineMs === undefined
        ? undefined
        : Math.min(Number(settings.deadlineMs), DELIVERY_DEADLINE_MAX_MS),
  });
}

async function contentOf(file: string | undefined): Promise<Buffer | undefined> {
  return file === undefined ? undefined : readFile(file);
}

function reportOf({ method, input }: SpoolEntry, delivery: Delivery) {
  const report = { outcome: delivery.outcome, method, idempotencyKey: input.idempotencyKey };
  if (delivery.outcome !== "DELIVERED") return { ...report, error: errorReport(delivery.error) };
  const { replayed, reservation, balance } = delivery.answer;
  const reservations =
    "reservations" in delivery.answer ? delivery.answer.reservations : [reservation];
  return {
    ...report,
    replayed,
    reservations: reservations.map(({ reservationId, state, committedAmount, refundedAmount }) => ({
      reservationId,
      state: stateName(state) ?? String(state),
      committedAmount,
      refundedAmount,
    })),
    balance: { userId: balance.userId, available: balance.available, held: balance.held },
  };
}

function errorReport(error: BillingError) {
  const { codeName, reason = null, message, metadata, violations } = error;
  return { code: codeName, reason, message, metadata: Object.fromEntries(metadata), violations };
}

function roundReport({ delivered, refused, corrupt, postponed, lastError }: Round) {
  const error = lastError === undefined ? null : errorReport(lastError);
  return { delivered, refused, corrupt, postponed, lastError: error };
}

function deadReport({ id, entry, burial: { reason, message, timeMs } }: DeadEntry) {
  const call = entry === undefined ? null : { method: entry.method, ...entry.input };
  return { id, reason, message, time: new Date(timeMs).toISOString(), call };
}

/** Quota units are bigint, which JSON doesn't know; as in the JSON of protobuf they become text. */
function json(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "bigint" ? String(part) : part,
  );
}
