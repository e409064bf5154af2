import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

import {
  canInstallPackages,
  debianMirror,
  installPackages,
  osReleaseNames,
  runQuietly,
} from "./apt.ts";
import { findDatabaseServer, programsInPath, supportedVersions } from "./database-server.ts";
import type { DatabaseFlavour, DatabaseServer } from "./database-server.ts";
import { installedMysqlTree, mysqlTreeDirectory } from "./mysql-tree.ts";

/*
 * Packages with programs only. mariadb-server and redis-server would also bring services, which
 * start with the machine and make data directories; a private server needs neither.
 */
const MARIADB_PACKAGES = ["mariadb-server-core", "mariadb-client-core"];
const REDIS_PACKAGES = ["redis-tools"];

/** The server comes from Debian's unstable suite, the only one with a MySQL of today. */
const MYSQL_SUITE = "sid";
const MYSQL_PACKAGES = "mysql-server-core,mysql-client-core";

/** Pages and translations that no server reads: a third of the tree. */
const UNUSED_PATHS = ["./usr/share/doc", "./usr/share/man", "./usr/share/locale"];

/** A browser for tests of the console, with letters for Chinese. */
const BROWSER_PACKAGES = ["chromium", "fonts-noto-cjk"];

/**
 * A Chromium in PATH; installs it where it is missing and can be. Only tests need one.
 * @throws Error that says what to install.
 */
export async function ensureBrowser(): Promise<string> {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const [found] = await programsInPath(names);
  if (found !== undefined) return found;
  if (!(await canInstallPackages())) {
    throw new Error(`no chromium in PATH: ${advice(BROWSER_PACKAGES)}`);
  }
  await installPackages(BROWSER_PACKAGES);
  const [installed] = await programsInPath(names);
  if (installed === undefined) throw new Error("chromium was installed, and isn't in PATH");
  return installed;
}

/**
 * The database server of a flavour (undefined: any); installs it where it is missing and can be.
 * @throws Error that says what to install.
 */
export async function ensureDatabaseServer(
  flavour: DatabaseFlavour | undefined,
): Promise<DatabaseServer> {
  const found = await findDatabaseServer(flavour);
  if (found !== null) return found;
  if (flavour === "mysql") await installMysqlTree(mysqlTreeDirectory());
  else if (await canInstallPackages()) await installPackages(MARIADB_PACKAGES);
  else throw new Error(`no ${flavour ?? "database"} server in PATH: ${advice(MARIADB_PACKAGES)}`);
  const installed = await findDatabaseServer(flavour);
  if (installed !== null) return installed;
  throw new Error(`this system's database server is too old: ${supportedVersions()} is needed`);
}

/**
 * A program that serves as Redis: `redis-server`, or the tool of Debian's redis-tools that is the
 * same file; installs it where it is missing and can be.
 * @throws Error that says what to install.
 */
export async function ensureRedisServer(): Promise<string> {
  const names = ["redis-server", "redis-check-rdb"];
  const [found] = await programsInPath(names);
  if (found !== undefined) return found;
  if (!(await canInstallPackages())) {
    throw new Error(`no redis-server in PATH: ${advice(["redis-server"])}`);
  }
  await installPackages(REDIS_PACKAGES);
  const [installed] = await programsInPath(names);
  if (installed === undefined) throw new Error(`${REDIS_PACKAGES.join()} brought no redis-server`);
  return installed;
}

function advice(packages: readonly string[]): string {
  return `install it (Debian, Ubuntu: apt-get install ${packages.join(" ")}), or run this as root`;
}

/**
 * Makes the MySQL tree in `directory` unless it is there: downloads Debian's packages from the
 * mirror that this machine uses, checks their signatures, unpacks them. No service, no chroot,
 * nothing outside `directory`, except the package debootstrap where it is missing.
 * @throws Error that says what to install.
 */
export async function installMysqlTree(directory: string): Promise<void> {
  if ((await installedMysqlTree()) === directory) return;
  if (!(await osReleaseNames("debian")) || (await osReleaseNames("ubuntu"))) {
    const where = "put its mysqld into PATH, or set BILLING_MYSQL_TREE";
    throw new Error(`MySQL can be fetched on Debian only; here, install MySQL 8.4 and ${where}`);
  }
  const debootstrap = await ensureDebootstrap();
  console.error(`fetching MySQL from Debian ${MYSQL_SUITE} into ${directory}`);
  const unfinished = `${directory}.${process.pid}`;
  await mkdir(dirname(directory), { recursive: true });
  try {
    await mkdir(unfinished, { mode: 0o755 });
    await unpackMysql(debootstrap, unfinished);
    // Whole or not at all. When another process was faster, its tree is as good as ours.
    await rename(unfinished, directory).catch(async (error: Error) => {
      if ((await installedMysqlTree()) !== directory) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function ensureDebootstrap(): Promise<string> {
  const [found] = await programsInPath(["debootstrap"]);
  if (found !== undefined) return found;
  const packages = ["debootstrap", "debian-archive-keyring"];
  if (!(await canInstallPackages())) {
    throw new Error(`MySQL is fetched with debootstrap, which is missing: ${advice(packages)}`);
  }
  await installPackages(packages);
  const [installed] = await programsInPath(["debootstrap"]);
  if (installed === undefined) throw new Error("the package debootstrap brought no debootstrap");
  return installed;
}

async function unpackMysql(debootstrap: string, directory: string): Promise<void> {
  const packages = join(directory, "packages");
  await runQuietly(debootstrap, [
    "--download-only",
    "--variant=minbase",
    `--include=${MYSQL_PACKAGES}`,
    MYSQL_SUITE,
    packages,
    await debianMirror(),
  ]);
  const archives = join(packages, "var/cache/apt/archives");
  for (const name of await readdir(archives)) {
    if (name.endsWith(".deb")) await unpack(join(archives, name), directory);
  }
  await rm(packages, { recursive: true });
}

/** Only what lies below /usr, where all programs and libraries are since Debian merged the rest. */
async function unpack(archive: string, directory: string): Promise<void> {
  const excluded = UNUSED_PATHS.map((path) => `--exclude=${path}`);
  const script = 'dpkg-deb --fsys-tarfile "$1" | tar -x --no-same-owner -C "$2" "${@:3}" ./usr';
  const shell = ["-o", "pipefail", "-c", script, "bash"];
  await runQuietly("bash", [...shell, archive, directory, ...excluded]);
}
