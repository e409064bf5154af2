import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

import { installedMysqlTree, treeCommand } from "./mysql-tree.ts";

export type DatabaseFlavour = "mysql" | "mariadb";

/** A database server program that can be run on this machine. */
export interface DatabaseServer {
  readonly flavour: DatabaseFlavour;
  /** As the program names it: `10.11.19`. */
  readonly version: string;
  /** The program, with the arguments without which it does not find its own files. */
  readonly command: readonly string[];
}

/** The oldest versions that the service is made for and tested with. */
const VERSION_MIN: Record<DatabaseFlavour, readonly [number, number]> = {
  mysql: [8, 4],
  mariadb: [10, 11],
};

const PROGRAMS = ["mariadbd", "mysqld"];

/** Where servers stand although the PATH of an ordinary user does not name it. */
const SERVER_DIRECTORIES = ["/usr/sbin", "/usr/local/sbin", "/usr/libexec"];

/** `--version` answers at once; a program that does not is not the one that we look for. */
const VERSION_TIMEOUT_MS = 30_000;

/**
 * The server of this flavour (or of any flavour) on this machine: from PATH, or the MySQL tree
 * of {@link installedMysqlTree}; null when there is none that is new enough.
 */
export async function findDatabaseServer(
  flavour: DatabaseFlavour | undefined,
): Promise<DatabaseServer | null> {
  for (const program of await programsInPath(PROGRAMS)) {
    const server = await describe([program, "--no-defaults"]);
    if (server && fits(server, flavour)) return server;
  }
  const tree = flavour === "mariadb" ? null : await installedMysqlTree();
  if (tree === null) return null;
  const server = await describe(treeCommand(tree));
  return server && fits(server, flavour) ? server : null;
}

/** The paths under which the named programs can be run, in the order of the names. */
export async function programsInPath(names: readonly string[]): Promise<string[]> {
  const directories = [...(process.env["PATH"] ?? "").split(delimiter), ...SERVER_DIRECTORIES];
  const found: string[] = [];
  for (const name of names) {
    for (const directory of new Set(directories)) {
      const path = join(directory, name);
      if (directory !== "" && (await isExecutable(path))) found.push(path);
    }
  }
  return found;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function describe(command: readonly string[]): Promise<DatabaseServer | null> {
  const [program = "", ...rest] = command;
  const answer = await promisify(execFile)(program, [...rest, "--version"], {
    timeout: VERSION_TIMEOUT_MS,
  }).catch(() => null); // What can't even tell its version is not a server.
  const version = /Ver (\d+\.\d+\.\d+)/.exec(answer?.stdout ?? "")?.[1];
  if (answer === null || version === undefined) return null;
  // Debian links mysqld to mariadbd: the text tells, the name does not.
  return { flavour: /mariadb/i.test(answer.stdout) ? "mariadb" : "mysql", version, command };
}

function fits(server: DatabaseServer, flavour: DatabaseFlavour | undefined): boolean {
  if (flavour !== undefined && server.flavour !== flavour) return false;
  const [major = 0, minor = 0] = server.version.split(".").map(Number);
  const [majorMin, minorMin] = VERSION_MIN[server.flavour];
  return major > majorMin || (major === majorMin && minor >= minorMin);
}

export function supportedVersions(): string {
  const { mysql, mariadb } = VERSION_MIN;
  return `MariaDB ${mariadb.join(".")} or later, or MySQL ${mysql.join(".")} or later`;
}
