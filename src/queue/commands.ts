/** What operators can do about the queue from a shell: `bin/queue.ts`. */
import { parseArgs } from "node:util";
import type { MikroORM } from "@mikro-orm/mysql";
import { databaseIn } from "../config/database.ts";
import { listDead, replayDeliveries, showEvent, type ReplayScope } from "../store/delivery-replay.ts";
import { timeText } from "../store/cell.ts";
import { closeOrm, openOrm } from "../store/orm.ts";
import { redactText } from "../telemetry/redaction.ts";
import { payloadOf } from "../store/outbox-rows.ts";

export interface CommandSurroundings {
  readonly words: readonly string[];
  /** DATABASE_URL and DATABASE_TLS say where the database is, as for the server. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly print: (line: string) => void;
  readonly warn: (line: string) => void;
}

const USAGE = `usage: DATABASE_URL=mysql://user:password@host:port/schema queue COMMAND

  list-dead [--endpoint NAME] [--limit N]   what was given up, 100 by default
  show EVENT                                an event and what became of its deliveries
  replay EVENT [--endpoint NAME]            sends an event again, with the same id
  replay --dead [--endpoint NAME]           sends again all that was given up
  replay --since TIME [--endpoint NAME]     sends again all events made at TIME or later (RFC 3339)

What is on its way already is left alone. A running server sends what is replayed.`;

const EXIT_OK = 0;
const EXIT_FAULT = 1;
const EXIT_USAGE = 2;
const LIST_DEFAULT = 100;
const LIST_MAX = 10_000;
const EVENT_ID = /^[A-Za-z0-9][A-Za-z0-9_]{0,62}$/;
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

type Command = (orm: MikroORM, surroundings: CommandSurroundings) => Promise<number>;

/** @returns the exit code: 0, 1 for a fault or nothing found, 2 for words that make no command */
export async function runQueueCommand(surroundings: CommandSurroundings): Promise<number> {
  const { words, environment, print, warn } = surroundings;
  if (words[0] === "help") {
    print(USAGE);
    return EXIT_OK;
  }
  const command = parse(words);
  try {
    const database = databaseIn(environment);
    if (command === undefined || database === undefined) {
      warn(USAGE);
      return EXIT_USAGE;
    }
    const orm = await openOrm({ ...database, poolMax: 1, warn });
    try {
      return await command(orm, surroundings);
    } finally {
      await closeOrm(orm);
    }
  } catch (fault) {
    warn(redactText(fault instanceof Error ? `${fault.name}: ${fault.message}` : String(fault)));
    return EXIT_FAULT;
  }
}

function parse(words: readonly string[]): Command | undefined {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        endpoint: { type: "string" },
        limit: { type: "string", default: String(LIST_DEFAULT) },
        dead: { type: "boolean", default: false },
        since: { type: "string" },
      },
    });
  } catch {
    return undefined;
  }
  const { endpoint, limit, dead, since } = parsed.values;
  const [name, eventId, ...others] = parsed.positionals;
  if (others.length > 0 || (eventId !== undefined && !EVENT_ID.test(eventId))) return undefined;
  if (name === "list-dead" && eventId === undefined) {
    const count = /^\d{1,5}$/.test(limit) ? Number(limit) : 0;
    return count >= 1 && count <= LIST_MAX ? listing(endpoint, count) : undefined;
  }
  if (name === "show" && eventId !== undefined) return showing(eventId);
  const scopes: ReplayScope[] = [];
  if (eventId !== undefined) scopes.push({ eventId, endpoint });
  if (dead) scopes.push({ allDead: true, endpoint });
  if (since !== undefined && RFC_3339.test(since)) {
    scopes.push({ sinceMs: Date.parse(since), endpoint });
  }
  const [scope] = scopes;
  if (name !== "replay" || scope === undefined || scopes.length > 1) return undefined;
  return replaying(scope);
}

function listing(endpoint: string | undefined, limit: number): Command {
  return async (orm, { print }) => {
    const found = await listDead(orm, { endpoint, limit });
    for (const { endpoint: name, eventId, type, subject, attempts, ...rest } of found) {
      const since = rfc3339(rest.endTimeMs);
      const facts = [eventId, name, type, subject, `${attempts} attempts`, since];
      print([...facts, rest.lastError ?? ""].join("\t"));
    }
    if (found.length === 0) print("nothing was given up");
    return EXIT_OK;
  };
}

function showing(eventId: string): Command {
  return async (orm, { print, warn }) => {
    const shown = await showEvent(orm, eventId);
    if (shown === undefined) {
      warn(`there is no event ${eventId}`);
      return EXIT_FAULT;
    }
    const { event, isPublished, deliveries } = shown;
    const { payloadText: _, createTimeMs, ...facts } = event;
    const document = {
      ...facts,
      createTime: rfc3339(createTimeMs),
      published: isPublished,
      payload: payloadOf(event),
      deliveries: deliveries.map(({ eventId: _id, ...delivery }) =>
        Object.fromEntries(Object.entries(delivery).map(([key, value]) => shownField(key, value))),
      ),
    };
    print(JSON.stringify(document, null, 2));
    return EXIT_OK;
  };
}

function replaying(scope: ReplayScope): Command {
  return async (orm, { print, warn }) => {
    const count = await replayDeliveries(orm, scope);
    if (count === 0) warn("there is nothing to replay: nothing like this has ended");
    else print(`${count} on their way again`);
    return count === 0 ? EXIT_FAULT : EXIT_OK;
  };
}

/** Times are shown as times. */
function shownField(key: string, value: string | number | null): [string, string | number | null] {
  if (!key.endsWith("TimeMs")) return [key, value];
  return [key.slice(0, -"Ms".length), rfc3339(value as number | null)];
}

function rfc3339(ms: number | null): string | null {
  return ms === null ? null : `${timeText(ms).replace(" ", "T")}Z`;
}
