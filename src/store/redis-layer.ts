/**
 * The second layer, in Redis: a lock on each user of a batch across servers, where there are several, so that
 * two seldom wait for each other inside MySQL, and a gate that turns a flood of one user's requests away
 * before it reaches MySQL. It never decides: with Redis gone, slow or emptied at any moment, every
 * answer is still right, since the database's row locks guard it.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import type { UserId } from "../billing/id.ts";
import { batchReserveQuota, reserveQuota } from "../billing/quota/reserve-quota.ts";
import type { Ticket } from "../billing/quota/serve.ts";
import { Refusal } from "../billing/refusal.ts";
import type { SecondLayer } from "./batch-runner.ts";
import { announceServer } from "./server-presence.ts";
import type { BatchResult } from "./teller.ts";

/** A lock outlives the longest batch that is still healthy, and not much more: its owner may be dead. */
const LOCK_TTL_MS = 5_000;
/** How long a batch waits for another server's locks before it leaves the matter to MySQL. */
const LOCK_WAIT_MAX_MS = 50;
const LOCK_POLL_MS = 5;
/** No answer of Redis is worth waiting longer for than a batch takes. */
const COMMAND_TIMEOUT_MS = 100;
/** After a fault Redis is left alone for so long, so that it doesn't slow every batch down. */
const BACK_OFF_MS = 1_000;
/** A flood shows as many requests of one user in one batch; fewer aren't worth a counter. */
const GATE_COUNTS_FROM = 8;
const GATE_WINDOW_MS = 1_000;

/** KEYS: a lock a user. ARGV: token, ttl. Takes the free ones; answers how many were taken. */
const TAKE_LOCKS = `
local taken = 0
for _, key in ipairs(KEYS) do
  if redis.call("get", key) == ARGV[1] or redis.call("set", key, ARGV[1], "px", ARGV[2], "nx") then
    taken = taken + 1
  end
end
return taken`;

/** KEYS: a lock a user. ARGV: token. Frees those that still bear the token. */
const FREE_LOCKS = `
for _, key in ipairs(KEYS) do
  if redis.call("get", key) == ARGV[1] then redis.call("del", key) end
end
return 1`;

/** KEYS: a counter a user. ARGV: window, then a number a user. Answers each counter after adding. */
const COUNT_REQUESTS = `
local counts = {}
for at, key in ipairs(KEYS) do
  counts[at] = redis.call("incrby", key, ARGV[at + 1])
  if counts[at] == tonumber(ARGV[at + 1]) then redis.call("pexpire", key, ARGV[1]) end
end
return counts`;

interface LayerCommands {
  takeLocks(count: number, ...keysAndArgs: string[]): Promise<number>;
  freeLocks(count: number, ...keysAndArgs: string[]): Promise<number>;
  countRequests(count: number, ...keysAndArgs: string[]): Promise<number[]>;
}

export interface RedisLayerOptions {
  readonly url: string;
  /** Reservations of one user in one second, over all servers, from which on more are refused. */
  readonly floodMaxPerSecond: number;
  readonly observer: RedisObserver;
}

export interface RedisObserver {
  /** Redis stopped answering (true) or answers again (false). */
  degraded(isDegraded: boolean, fault?: unknown): void;
  /** Requests were turned away at the gate. */
  flooded(count: number): void;
  /** A batch went on without all of its locks: another server holds some. */
  contended(): void;
}

export interface RedisLayer extends SecondLayer {
  close(): Promise<void>;
}

export function openRedisLayer({
  url,
  floodMaxPerSecond,
  observer,
}: RedisLayerOptions): RedisLayer {
  const { redis, isComing } = connect(url);
  const commands = redis as unknown as LayerCommands;
  const guarded = createGuard(observer, isComing);
  const presence = announceServer(redis, guarded);

  const gate = async (tickets: readonly Ticket[]): Promise<ReadonlySet<Ticket>> => {
    const floods = countReserves(tickets);
    if (floods.size === 0) return new Set();
    const users = [...floods.keys()];
    const numbers = users.map((userId) => String(floods.get(userId)!.length));
    const keys = users.map((userId) => `billing-guard:flood:${userId}`);
    const window = String(GATE_WINDOW_MS);
    const ask = () => commands.countRequests(keys.length, ...keys, window, ...numbers);
    const counts = (await guarded(ask)) ?? [];
    const refused = users.flatMap((userId, at) => {
      const over = Math.max(0, (counts[at] ?? 0) - floodMaxPerSecond);
      return over === 0 ? [] : floods.get(userId)!.slice(-over);
    });
    if (refused.length > 0) observer.flooded(refused.length);
    return new Set(refused);
  };

  const takeAll = async (keys: readonly string[], token: string): Promise<void> => {
    const startedMs = performance.now();
    for (;;) {
      const ask = () => commands.takeLocks(keys.length, ...keys, token, String(LOCK_TTL_MS));
      const taken = await guarded(ask);
      if (taken === undefined || taken === keys.length) return;
      if (performance.now() - startedMs >= LOCK_WAIT_MAX_MS) return observer.contended();
      await sleep(LOCK_POLL_MS);
    }
  };

  return {
    async around(tickets, work) {
      const refused = await gate(tickets);
      const admitted = tickets.filter((ticket) => !refused.has(ticket));
      const keys = presence.mayHaveOthers() ? lockKeys(admitted) : [];
      const token = randomBytes(12).toString("base64url");
      if (keys.length > 0) await takeAll(keys, token);
      try {
        return inOrder(tickets, refused, admitted.length === 0 ? [] : await work(admitted));
      } finally {
        // Not awaited: the answers need not wait, and a lock that stays ends by itself.
        const free = () => commands.freeLocks(keys.length, ...keys, token);
        if (keys.length > 0) void guarded(free);
      }
    },
    async close() {
      presence.close();
      redis.disconnect();
    },
  };
}

function lockKeys(tickets: readonly Ticket[]): string[] {
  const users = new Set(tickets.flatMap(({ userId }) => userId ?? []));
  return [...users].map((userId) => `billing-guard:lock:${userId}`);
}

function connect(url: string): { readonly redis: Redis; readonly isComing: () => boolean } {
  const redis = new Redis(url, {
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: COMMAND_TIMEOUT_MS * 10,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(times * COMMAND_TIMEOUT_MS, BACK_OFF_MS),
  });
  redis.defineCommand("takeLocks", { lua: TAKE_LOCKS });
  redis.defineCommand("freeLocks", { lua: FREE_LOCKS });
  redis.defineCommand("countRequests", { lua: COUNT_REQUESTS });
  // Connection errors are told by the commands that fail; without a listener ioredis prints them.
  redis.on("error", () => undefined);
  // Until the first connection is there or has failed, nobody can say that Redis is gone.
  let isComing = true;
  for (const event of ["ready", "close"]) redis.once(event, () => (isComing = false));
  return { redis, isComing: () => isComing };
}

/** Reservations a user, for users with suspiciously many. Settling is never turned away. */
function countReserves(tickets: readonly Ticket[]): Map<UserId, Ticket[]> {
  const byUser = new Map<UserId, Ticket[]>();
  if (tickets.length < GATE_COUNTS_FROM) return byUser;
  for (const ticket of tickets) {
    const { method } = ticket.useCase;
    if (method !== reserveQuota.method && method !== batchReserveQuota.method) continue;
    const others = byUser.get(ticket.userId!);
    if (others) others.push(ticket);
    else byUser.set(ticket.userId!, [ticket]);
  }
  for (const [userId, own] of byUser) if (own.length < GATE_COUNTS_FROM) byUser.delete(userId);
  return byUser;
}

function inOrder(
  tickets: readonly Ticket[],
  refused: ReadonlySet<Ticket>,
  results: readonly BatchResult[],
): BatchResult[] {
  let at = 0;
  return tickets.map((ticket) => (refused.has(ticket) ? { refusal: flooded(ticket) } : results[at++]));
}

function flooded({ userId }: Ticket): Refusal {
  const message = "too many requests for this user within a second";
  return new Refusal(
    "FLOOD_LIMITED",
    message,
    { userId: userId! },
    { retryAfterMs: GATE_WINDOW_MS },
  );
}

/** Runs a Redis command, or not while Redis is being left alone; a fault is reported and is no answer. */
function createGuard(observer: RedisObserver, isComing: () => boolean) {
  let leftAloneUntilMs = 0;
  let degraded = false;
  return async <T>(command: () => Promise<T>): Promise<T | undefined> => {
    if (isComing() || performance.now() < leftAloneUntilMs) return undefined;
    try {
      const answer = await command();
      if (degraded) observer.degraded((degraded = false));
      return answer;
    } catch (fault) {
      leftAloneUntilMs = performance.now() + BACK_OFF_MS;
      if (!degraded) observer.degraded((degraded = true), fault);
      return undefined;
    }
  };
}
