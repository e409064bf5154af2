/**
 * Idempotency keys. They are made from what is to be done, so that a program that died and starts
 * over makes the same key again and is answered as the first time, instead of doing it twice.
 *
 * The parts are joined by "/", which no id of a caller can have: two different tasks never share a
 * key.
 */
import { createHash, randomBytes } from "node:crypto";

/** The service's limit: 128 visible ASCII characters. */
const KEY_MAX_CHARS = 128;

/** What a hold is for. */
export interface HoldName {
  readonly userId: string;
  readonly taskId: string;
  readonly featureId: string;
  /** Counts the holds of the task for this feature from 1; the next one follows a failed one. */
  readonly attempt: number;
}

/** The key of the hold for one attempt at a task. */
export function reserveKey({ userId, taskId, featureId, attempt }: HoldName): string {
  return keyOf("reserve", userId, taskId, featureId, String(attempt));
}

/** The key of the one commit of a reservation. */
export function commitKey(reservationId: string): string {
  return keyOf("commit", reservationId);
}

/** The words of a refund; the service compares them when a key comes again. */
export interface RefundWords {
  readonly reason: string;
  readonly failedStep: string;
  readonly detail: string;
}

/**
 * The key of a refund of one reservation. A second failed step of the same task has other words,
 * and other words under the same key would be refused; so the words are part of the key. That the
 * quota goes back once is the service's promise for every reservation, whatever the keys.
 */
export function refundKey(reservationId: string, words: RefundWords): string {
  return keyOf("refund", reservationId, digest([words.reason, words.failedStep, words.detail]));
}

/**
 * The key of a refund of all holds of a task, new at each call. A task may fail, be tried again
 * with a new hold and fail in the same way: a key made from the task would answer the second refund
 * with the first one's outcome, and the new hold would stay charged.
 */
export function taskRefundKey(taskId: string): string {
  return keyOf("refund-task", taskId, randomBytes(12).toString("hex"));
}

/** Makes the keys of one program's heartbeats for one hold; no two are equal. */
export function heartbeatKeys(reservationId: string): () => string {
  const run = randomBytes(6).toString("hex");
  let beats = 0;
  return () => keyOf("extend", reservationId, run, String((beats += 1)));
}

function keyOf(verb: string, ...parts: string[]): string {
  const key = [verb, ...parts].join("/");
  // Long ids are legal, and so must be their keys.
  return key.length <= KEY_MAX_CHARS ? key : `${verb}/${digest(parts)}`;
}

function digest(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}
