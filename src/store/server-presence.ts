/**
 * Which servers work with the same Redis: each says every second that it's there. A server that is alone has
 * nobody to keep away from a user, so its batches need no locks across servers; what it would save another one
 * is waiting inside MySQL, whose row locks guard in any case.
 */
import { randomBytes } from "node:crypto";
import type { Redis } from "ioredis";

const SERVERS_KEY = "billing-guard:servers";
const BEAT_MS = 1_000;
/** A server that missed some beats in a row is gone, or so slow that its locks would end by themselves. */
const SILENT_MS = 5_000;

/** KEYS: the servers. ARGV: own name, milliseconds of silence. By Redis's clock. Answers how many are there. */
const BEAT = `
local time = redis.call("time")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call("zadd", KEYS[1], now, ARGV[1])
redis.call("zremrangebyscore", KEYS[1], "-inf", now - ARGV[2])
redis.call("pexpire", KEYS[1], ARGV[2])
return redis.call("zcard", KEYS[1])`;

interface PresenceCommands {
  beat(count: number, key: string, name: string, silentMs: number): Promise<number>;
}

export interface ServerPresence {
  /** False only while Redis has said within the last beats that no other server is there. */
  mayHaveOthers(): boolean;
  close(): void;
}

/** @param guarded runs a command, or answers undefined where Redis can't be asked */
export function announceServer(
  redis: Redis,
  guarded: <T>(command: () => Promise<T>) => Promise<T | undefined>,
): ServerPresence {
  redis.defineCommand("beat", { lua: BEAT });
  const commands = redis as unknown as PresenceCommands;
  const name = randomBytes(12).toString("base64url");
  let aloneSinceMs = -Infinity;
  const beat = async (): Promise<void> => {
    const askedMs = performance.now();
    const servers = await guarded(() => commands.beat(1, SERVERS_KEY, name, SILENT_MS));
    aloneSinceMs = servers === 1 ? askedMs : -Infinity;
  };
  const timer = setInterval(() => void beat(), BEAT_MS).unref();
  redis.on("ready", () => void beat());
  return {
    mayHaveOthers: () => performance.now() - aloneSinceMs > SILENT_MS,
    close: () => clearInterval(timer),
  };
}
