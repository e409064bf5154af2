/**
 * Whether the database keeps what it has acknowledged, and decides as the code relies on: read from
 * the server, not assumed. A restored backup or a copied test set-up often runs on weaker settings.
 */
import type { MikroORM } from "@mikro-orm/mysql";

/** One setting that could lose money or quota. */
export interface Weakness {
  /** The server's variable. */
  readonly setting: string;
  readonly found: string;
  readonly wanted: string;
  /** What can happen because of it. */
  readonly risk: string;
}

type Variables = ReadonlyMap<string, string>;

interface Requirement {
  /** Its names; servers differ, and the first that the server knows counts. */
  readonly settings: readonly string[];
  readonly wanted: string;
  readonly risk: string;
  isMet(value: string, all: Variables): boolean;
  /** False where the server has no such thing: it is fine then. Default: a server must know it. */
  readonly mayBeUnknown?: boolean;
}

const REQUIREMENTS: readonly Requirement[] = [
  {
    settings: ["innodb_flush_log_at_trx_commit"],
    wanted: "1",
    risk: "a crash loses transactions that were acknowledged",
    isMet: (value) => value === "1",
  },
  {
    settings: ["sync_binlog"],
    wanted: "1, or log_bin off",
    risk: "a crash loses transactions from the binary log: replicas and restores miss them",
    isMet: (value, all) => value === "1" || !isOn(all.get("log_bin")),
  },
  {
    settings: ["innodb_doublewrite"],
    wanted: "ON",
    risk: "a crash in the middle of a page leaves it torn for ever",
    // DETECT_ONLY finds a torn page but can't mend it.
    isMet: (value) => isOn(value) || value === "DETECT_AND_RECOVER",
  },
  {
    settings: ["innodb_redo_log_enabled"],
    wanted: "ON",
    risk: "a crash destroys the whole database: redo logging was switched off for a bulk load",
    isMet: isOn,
    // MariaDB can't switch it off.
    mayBeUnknown: true,
  },
  {
    settings: ["innodb_force_recovery"],
    wanted: "0",
    risk: "the server runs in recovery mode, where what it writes is not reliable",
    isMet: (value) => value === "0",
  },
  {
    settings: ["transaction_isolation", "tx_isolation"],
    wanted: "READ-COMMITTED",
    risk: "decisions are made on old snapshots, and quota could be spent twice",
    isMet: (value) => value === "READ-COMMITTED",
  },
  {
    settings: ["sql_mode"],
    wanted: "STRICT_TRANS_TABLES, without NO_BACKSLASH_ESCAPES and ANSI_QUOTES",
    risk: "values are cut or zeroed quietly, or text is read as SQL",
    isMet: (value) => {
      const modes = new Set(value.split(","));
      const isStrict = modes.has("STRICT_TRANS_TABLES") || modes.has("STRICT_ALL_TABLES");
      return isStrict && !modes.has("NO_BACKSLASH_ESCAPES") && !modes.has("ANSI_QUOTES");
    },
  },
  {
    settings: ["check_constraint_checks"],
    wanted: "ON",
    risk: "the schema's own CHECKs, the last guard against a negative balance, are ignored",
    isMet: isOn,
    // MySQL can't switch them off.
    mayBeUnknown: true,
  },
  {
    settings: ["read_only"],
    wanted: "OFF",
    risk: "this is not the server that takes writes",
    isMet: (value) => value === "OFF" || value === "0",
  },
];

/** Every setting of our own sessions and of the server that is weaker than it must be. */
export async function findWeaknesses(orm: MikroORM): Promise<Weakness[]> {
  const em = orm.em.fork();
  const names = [...REQUIREMENTS.flatMap(({ settings }) => settings), "log_bin"];
  const list = names.map((name) => `'${name}'`).join(",");
  const all = new Map<string, string>();
  // Session values where a setting has one. Redo logging is a status, and no variable.
  for (const kind of ["variables", "status"]) {
    const sql = `show session ${kind} where variable_name in (${list})`;
    for (const row of await em.execute<Record<string, unknown>[]>(sql)) {
      all.set(String(row["Variable_name"]).toLowerCase(), String(row["Value"]));
    }
  }
  return weaknessesOf(all);
}

/** The same for settings that were read already, by their names in lower case. */
export function weaknessesOf(all: Variables): Weakness[] {
  return REQUIREMENTS.flatMap((requirement) => {
    const { settings, wanted, risk } = requirement;
    const setting = settings.find((name) => all.has(name)) ?? settings[0]!;
    const found = all.get(setting);
    if (found === undefined && requirement.mayBeUnknown) return [];
    if (found !== undefined && requirement.isMet(found, all)) return [];
    return [{ setting, found: found ?? "unknown to the server", wanted, risk }];
  });
}

function isOn(value: string | undefined): boolean {
  return value === "ON" || value === "1";
}
