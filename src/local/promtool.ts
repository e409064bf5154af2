/** Prometheus's own checker of rules, for tests: the program alone, without the server's package and its service. */
import { access, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { canInstallPackages, downloadPackage, runQuietly } from "./apt.ts";
import { programsInPath } from "./database-server.ts";

const PROGRAM = "promtool";
/** Debian's package that has it. */
const PACKAGE = "prometheus";

/**
 * A promtool in PATH, or one that was unpacked for us; fetches it where it is missing and can be.
 * @throws Error that says what to install.
 */
export async function ensurePromtool(): Promise<string> {
  const [found] = await programsInPath([PROGRAM]);
  if (found !== undefined) return found;
  const ours = join(homedir(), ".cache/billing-guard", PROGRAM);
  if (await isThere(ours)) return ours;
  if (!(await canInstallPackages())) {
    throw new Error(`no ${PROGRAM} in PATH: install Prometheus, or run this as root on Debian`);
  }
  await mkdir(dirname(ours), { recursive: true });
  const unfinished = await mkdtemp(`${ours}.`);
  try {
    await downloadPackage(PACKAGE, unfinished);
    const [archive] = (await readdir(unfinished)).filter((name) => name.endsWith(".deb"));
    await runQuietly("dpkg-deb", ["-x", join(unfinished, archive ?? ""), unfinished]);
    await rename(join(unfinished, "usr/bin", PROGRAM), ours);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return ours;
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
