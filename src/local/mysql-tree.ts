import { access } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * A MySQL tree is a folder with the files of Debian's MySQL packages, as they would stand below
 * `/`. Debian's stable release has no MySQL, and its unstable one can't be mixed into it; the tree
 * brings its own C library and is run through that library's loader, without root or chroot.
 */
export function mysqlTreeDirectory(): string {
  return process.env["BILLING_MYSQL_TREE"] || join(homedir(), ".cache/billing-guard/mysql-9");
}

/** Loader and library folder of each processor that Debian builds MySQL for and Node names. */
const LAYOUTS: Partial<Record<NodeJS.Architecture, { loader: string; libraries: string }>> = {
  x64: { loader: "usr/lib64/ld-linux-x86-64.so.2", libraries: "usr/lib/x86_64-linux-gnu" },
  arm64: { loader: "usr/lib/ld-linux-aarch64.so.1", libraries: "usr/lib/aarch64-linux-gnu" },
};

/** The directory of the MySQL tree when there is one, else null. */
export async function installedMysqlTree(): Promise<string | null> {
  const tree = mysqlTreeDirectory();
  if (LAYOUTS[process.arch] === undefined) return null;
  return access(join(tree, "usr/sbin/mysqld")).then(
    () => tree,
    () => null,
  );
}

/** The command that runs the tree's mysqld with the tree's own libraries and message files. */
export function treeCommand(tree: string): string[] {
  const layout = LAYOUTS[process.arch];
  if (layout === undefined) throw new Error(`no MySQL tree for the processor ${process.arch}`);
  const libraries = join(tree, layout.libraries);
  const path = [libraries, join(libraries, "mysql/private"), join(tree, "usr/lib/mysql/private")];
  return [
    join(tree, layout.loader),
    "--library-path",
    path.join(":"),
    join(tree, "usr/sbin/mysqld"),
    // Before all others, where the server wants it.
    "--no-defaults",
    `--basedir=${join(tree, "usr")}`,
    `--lc-messages-dir=${join(tree, "usr/share/mysql")}`,
    `--character-sets-dir=${join(tree, "usr/share/mysql/charsets")}`,
  ];
}
