/** The command line of billing-hook: its words, its rules, and the environment behind them. */
import { homedir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { commitKey, refundKey, taskRefundKey } from "./keys.ts";
import { REFUND_REASONS, type RefundTarget } from "./requests.ts";
import type { SpoolEntry } from "./spool-entry.ts";
import { fitDetail, fitStep } from "./words.ts";

export const USAGE = `billing-hook refund (--reservation R | --task T [--user U]) --reason REASON
             [--step S] [--detail D] [--key K]   a task has failed: its quota goes back
billing-hook commit --reservation R [--actual N] [--key K]   a task is done: its hold is spent
billing-hook flush [--watch [--interval-ms N]]   delivers what waits in the spool
billing-hook status   what waits in the spool, and what the service refused

REASON: ${REFUND_REASONS.filter((reason) => reason !== "USER_DISSATISFIED").join(", ")}

Everywhere, or from the environment:
  --address HOST:PORT    BILLING_ADDRESS
  --token-file FILE      BILLING_TOKEN_FILE        a bearer token
  --tls-ca-file FILE     BILLING_TLS_CA_FILE       the authorities to trust; turns TLS on
  --tls-cert-file FILE   BILLING_TLS_CERT_FILE     this caller's certificate
  --tls-key-file FILE    BILLING_TLS_KEY_FILE      and its key
  --tls-server-name N    BILLING_TLS_SERVER_NAME   the name in the service's certificate
  --allow-plaintext      BILLING_ALLOW_PLAINTEXT=1 a token without TLS to another machine
  --deadline-ms N        BILLING_DEADLINE_MS       how long to try before spooling; 10000
  --spool-dir DIR        BILLING_SPOOL_DIR         ~/.local/state/billing-hook

Exit: 0 delivered, or safely on disk to be delivered; 1 refused by the service;
      2 wrong usage, nothing was recorded; 3 neither delivered nor on disk.
One line of JSON on stdout says more.`;

/** The command line is wrong; the message says how. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What is to be done. */
export type HookCommand =
  | { readonly name: "deliver"; readonly entry: SpoolEntry }
  | { readonly name: "flush"; readonly watch: boolean; readonly intervalMs: number | undefined }
  | { readonly name: "status" }
  | { readonly name: "help" };

/**
 * How to reach the service, as it was given: checked only when a call is made, since a wrong
 * setting must not keep a refund from being written down.
 */
export interface HookSettings {
  readonly address: string | undefined;
  readonly tokenFile: string | undefined;
  readonly tlsCaFile: string | undefined;
  readonly tlsCertFile: string | undefined;
  readonly tlsKeyFile: string | undefined;
  readonly tlsServerName: string | undefined;
  readonly allowPlaintext: boolean;
  readonly deadlineMs: string | undefined;
  readonly spoolDir: string;
}

const OPTIONS = {
  reservation: { type: "string" },
  task: { type: "string" },
  user: { type: "string" },
  reason: { type: "string" },
  step: { type: "string" },
  detail: { type: "string" },
  actual: { type: "string" },
  key: { type: "string" },
  watch: { type: "boolean" },
  "interval-ms": { type: "string" },
  address: { type: "string" },
  "token-file": { type: "string" },
  "tls-ca-file": { type: "string" },
  "tls-cert-file": { type: "string" },
  "tls-key-file": { type: "string" },
  "tls-server-name": { type: "string" },
  "allow-plaintext": { type: "boolean" },
  "deadline-ms": { type: "string" },
  "spool-dir": { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

type Words = ReturnType<
  typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>
>["values"];
type Word = keyof typeof OPTIONS;

/** Words that belong to one command; the others go with every command. */
const OWN_WORDS: Readonly<Record<string, readonly Word[]>> = {
  refund: ["reservation", "task", "user", "reason", "step", "detail", "key"],
  commit: ["reservation", "actual", "key"],
  flush: ["watch", "interval-ms"],
  status: [],
};

/** @throws UsageError */
export function parseHook(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  nowMs: number,
): { command: HookCommand; settings: HookSettings } {
  const { values, positionals } = parsed(argv);
  const [name = "", ...more] = positionals;
  if (values.help === true || name === "help") {
    return { command: { name: "help" }, settings: settingsOf(values, env) };
  }
  const own = OWN_WORDS[name];
  if (own === undefined) {
    throw new UsageError(name === "" ? "say what to do" : `unknown command ${name}`);
  }
  if (more.length > 0) throw new UsageError(`unexpected ${more.join(" ")}`);
  const foreign = Object.values(OWN_WORDS)
    .flat()
    .find((word) => values[word] !== undefined && !own.includes(word));
  if (foreign !== undefined) throw new UsageError(`--${foreign} doesn't belong to ${name}`);
  return { command: commandOf(name, values, nowMs), settings: settingsOf(values, env) };
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function commandOf(name: string, values: Words, nowMs: number): HookCommand {
  if (name === "refund") return { name: "deliver", entry: refundEntry(values, nowMs) };
  if (name === "commit") return { name: "deliver", entry: commitEntry(values, nowMs) };
  if (name === "status") return { name: "status" };
  const interval = values["interval-ms"];
  const intervalMs = interval === undefined ? undefined : wholeNumber("interval-ms", interval);
  return { name: "flush", watch: values.watch === true, intervalMs };
}

function refundEntry(values: Words, createTimeMs: number): SpoolEntry {
  const reason = REFUND_REASONS.find((known) => known === values.reason);
  if (reason === undefined) {
    throw new UsageError(`--reason must be one of ${REFUND_REASONS.join(", ")}`);
  }
  const words = {
    reason,
    failedStep: fitStep(values.step ?? ""),
    detail: fitDetail(values.detail ?? ""),
  };
  const target = targetOf(values);
  const made =
    "taskId" in target ? taskRefundKey(target.taskId) : refundKey(target.reservationId, words);
  const idempotencyKey = keyOf(values, made);
  return { method: "RefundQuota", createTimeMs, input: { idempotencyKey, ...target, ...words } };
}

function commitEntry(values: Words, createTimeMs: number): SpoolEntry {
  const { reservation, actual } = values;
  if (reservation === undefined) throw new UsageError("--reservation is missing");
  const reservationId = identifier("reservation", reservation);
  const actualAmount = actual === undefined ? undefined : BigInt(wholeNumber("actual", actual));
  const idempotencyKey = keyOf(values, commitKey(reservationId));
  return {
    method: "CommitQuota",
    createTimeMs,
    input: { idempotencyKey, reservationId, actualAmount },
  };
}

function targetOf({ reservation, task, user }: Words): RefundTarget {
  if ((reservation === undefined) === (task === undefined)) {
    throw new UsageError("say either --reservation or --task");
  }
  if (reservation !== undefined) {
    if (user !== undefined) throw new UsageError("--user goes with --task only");
    return { reservationId: identifier("reservation", reservation) };
  }
  const userId = user === undefined ? undefined : identifier("user", user);
  return { taskId: identifier("task", task!), userId };
}

/** The service's rule for ids. */
const ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,62}$/;
/** And for keys. */
const KEY = /^[\x21-\x7e]{1,128}$/;
/** Fits both a timer and any amount of quota. */
const NUMBER = /^\d{1,9}$/;

function identifier(word: Word, value: string): string {
  if (ID.test(value)) return value;
  const rule = "1 to 63 of the characters A-Z a-z 0-9 . _ : - and start with a letter or a digit";
  throw new UsageError(`--${word} must be ${rule}`);
}

function keyOf({ key }: Words, made: string): string {
  if (key === undefined || KEY.test(key)) return key ?? made;
  throw new UsageError("--key must be 1 to 128 visible ASCII characters without spaces");
}

function wholeNumber(word: Word, value: string): number {
  if (NUMBER.test(value)) return Number(value);
  throw new UsageError(`--${word} must be a whole number of at most nine digits`);
}

function settingsOf(
  values: Words,
  env: Readonly<Record<string, string | undefined>>,
): HookSettings {
  const setting = (word: Word, variable: string): string | undefined => {
    const value = values[word];
    // An empty variable is how shells and unit files say that there is none.
    return typeof value === "string" ? value : env[variable] || undefined;
  };
  return {
    address: setting("address", "BILLING_ADDRESS"),
    tokenFile: setting("token-file", "BILLING_TOKEN_FILE"),
    tlsCaFile: setting("tls-ca-file", "BILLING_TLS_CA_FILE"),
    tlsCertFile: setting("tls-cert-file", "BILLING_TLS_CERT_FILE"),
    tlsKeyFile: setting("tls-key-file", "BILLING_TLS_KEY_FILE"),
    tlsServerName: setting("tls-server-name", "BILLING_TLS_SERVER_NAME"),
    allowPlaintext: values["allow-plaintext"] ?? env["BILLING_ALLOW_PLAINTEXT"] === "1",
    deadlineMs: setting("deadline-ms", "BILLING_DEADLINE_MS"),
    spoolDir:
      setting("spool-dir", "BILLING_SPOOL_DIR") ??
      join(homedir(), ".local", "state", "billing-hook"),
  };
}
