/** Who is logged in: sessions in this server's memory, bounded in number and time. */
import { createHash, randomBytes } from "node:crypto";
import { HOUR_MS, MINUTE_MS } from "../billing/clock.ts";

export const SESSION_MS = 8 * HOUR_MS;
/** More people than look at finance at one time. */
const SESSIONS_MAX = 1_000;
/** Wrong tokens from one address before it has to wait. */
const FAILURES_MAX = 10;
const FAILURE_WINDOW_MS = MINUTE_MS;
const ADDRESSES_MAX = 10_000;

export interface Sessions {
  /** @returns what the cookie holds; nobody can guess it */
  begin(name: string): string;
  /** Whose session it is; undefined when it is none, or its time is over. */
  find(secret: string): string | undefined;
  end(secret: string): void;
  /** True when so many wrong tokens came from there that the next isn't even looked at. */
  isBarred(address: string): boolean;
  noteFailure(address: string): void;
}

export function createSessions(now: () => number): Sessions {
  const sessions = new Map<string, { readonly name: string; readonly endMs: number }>();
  const failures = new Map<string, { count: number; readonly sinceMs: number }>();
  const recent = (address: string) => {
    const known = failures.get(address);
    return known !== undefined && now() - known.sinceMs < FAILURE_WINDOW_MS ? known : undefined;
  };
  return {
    begin(name) {
      const secret = randomBytes(32).toString("base64url");
      // The one that was begun first ends first.
      if (sessions.size >= SESSIONS_MAX) sessions.delete(sessions.keys().next().value!);
      sessions.set(hashOf(secret), { name, endMs: now() + SESSION_MS });
      return secret;
    },
    find(secret) {
      const hash = hashOf(secret);
      const session = sessions.get(hash);
      if (session === undefined) return undefined;
      if (now() < session.endMs) return session.name;
      sessions.delete(hash);
      return undefined;
    },
    end: (secret) => void sessions.delete(hashOf(secret)),
    isBarred: (address) => (recent(address)?.count ?? 0) >= FAILURES_MAX,
    noteFailure(address) {
      const known = recent(address);
      if (known !== undefined) known.count += 1;
      else {
        if (failures.size >= ADDRESSES_MAX) failures.delete(failures.keys().next().value!);
        failures.set(address, { count: 1, sinceMs: now() });
      }
    },
  };
}

/** Looked up by its hash, a secret's bytes decide nothing about how long that takes. */
function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("base64");
}
