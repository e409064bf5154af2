import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Package managers of several programs wait for each other; five minutes cover a large upgrade. */
const APT = ["-o", "DPkg::Lock::Timeout=300", "-q"];

/** Downloads over a slow line take minutes; half an hour means that nothing comes any more. */
const APT_TIMEOUT_MS = 1_800_000;
const APT_OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** One installation at a time in this process: two that start at once would fight over one lock. */
let lastTurn: Promise<unknown> = Promise.resolve();

/** True when Debian packages can be installed: a Debian or its relative, and we are root. */
export async function canInstallPackages(): Promise<boolean> {
  return process.getuid?.() === 0 && (await osReleaseNames("debian"));
}

/** True when /etc/os-release names `name` as this system, or as the one that it is made from. */
export async function osReleaseNames(name: string): Promise<boolean> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  const values = [...text.matchAll(/^ID(?:_LIKE)?=(.*)$/gm)].map((match) => match[1] ?? "");
  return values.some((value) => value.replaceAll(/["']/g, "").split(" ").includes(name));
}

/**
 * Installs packages that only bring programs. Callers name none that brings a service: nothing of
 * this machine is started, stopped or configured.
 * @throws Error with the end of apt's output.
 */
export function installPackages(packages: readonly string[]): Promise<void> {
  const turn = lastTurn.then(async () => {
    console.error(`installing from this machine's package sources: ${packages.join(", ")}`);
    await apt("update");
    await apt("install", "-y", "--no-install-recommends", ...packages);
  });
  lastTurn = turn.catch(() => {}); // The one who asked hears of the failure; the next one tries.
  return turn;
}

/** Fetches a package's file into a directory, and installs nothing. @throws as installPackages */
export function downloadPackage(name: string, directory: string): Promise<void> {
  const turn = lastTurn.then(async () => {
    console.error(`fetching ${name} from this machine's package sources`);
    await apt("update");
    // As root: the user that apt gives its rights up for can't write there.
    const words = ["-o", "APT::Sandbox::User=root", "download", name];
    await runQuietly("apt-get", [...APT, ...words], directory);
  });
  lastTurn = turn.catch(() => {});
  return turn;
}

async function apt(...words: string[]): Promise<void> {
  await runQuietly("apt-get", [...APT, ...words]);
}

/** Runs a program without input; what it printed is shown only when it failed. */
export async function runQuietly(
  program: string,
  words: readonly string[],
  cwd?: string,
): Promise<string> {
  const options = {
    cwd,
    timeout: APT_TIMEOUT_MS,
    maxBuffer: APT_OUTPUT_BYTES_MAX,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
  };
  const child = run(program, words, options);
  child.child.stdin?.end();
  const { stdout } = await child.catch((error: Error & { stdout?: string; stderr?: string }) => {
    const output = `${error.stdout ?? ""}${error.stderr ?? ""}`.trim().slice(-OUTPUT_TAIL);
    throw new Error(`${program} ${words.join(" ")} failed:\n${output || error.message}`);
  });
  return stdout;
}

const OUTPUT_TAIL = 2_000;

/**
 * The Debian mirror that this machine's apt uses, for a suite that its sources do not name.
 * @throws Error when its sources name no Debian archive that is reached by HTTP.
 */
export async function debianMirror(): Promise<string> {
  const listing = await runQuietly("apt-get", [
    "indextargets",
    "--format",
    "$(REPO_URI) $(RELEASE)",
    "Created-By: Packages",
  ]);
  for (const line of listing.split("\n")) {
    const [uri = "", suite = ""] = line.trim().split(" ");
    // Security, updates and backports stand in archives of their own or hold part of a suite.
    if (/^https?:/.test(uri) && !suite.includes("-") && !uri.includes("security")) return uri;
  }
  throw new Error("the package sources of this machine name no Debian archive (http or https)");
}
