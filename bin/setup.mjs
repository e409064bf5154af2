// Makes node_modules what package-lock.json says, and ends. It runs before anything is installed,
// on whatever Node the machine has (20 or later): plain JavaScript, no dependency. The Node that
// everything else runs on comes with the packages.
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const ownPrograms = join(root, "node_modules", ".bin");

if (!isInstalled()) install();
requireNode(readJson("package.json").engines.node);

/**
 * npm keeps in node_modules/.package-lock.json what it installed, written last: an installation
 * that was interrupted has none.
 */
function isInstalled() {
  const wanted = readJson("package-lock.json").packages;
  const present = readJson("node_modules/.package-lock.json")?.packages;
  if (present === undefined) return false;
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (path === "") return true;
    const found = present[path];
    // Optional packages of another system or processor are rightly missing.
    if (found === undefined) return optional === true;
    return found.version === version && found.integrity === integrity;
  });
}

function install() {
  console.error("installing the packages of package-lock.json");
  // This process may be the Node inside node_modules, which npm is about to remove: npm itself
  // has to run on the machine's own.
  const path = (process.env.PATH ?? "").split(delimiter).filter((part) => part !== ownPrograms);
  const { status, error } = spawnSync("npm", ["ci", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, PATH: path.join(delimiter) },
  });
  if (error) fail(`npm can't be run: ${error.message}`);
  if (status !== 0) fail("npm ci failed; its messages stand above");
}

/** Linux gets its Node with the packages; elsewhere the machine's own has to be new enough. */
function requireNode(range) {
  const path = [ownPrograms, process.env.PATH ?? ""].join(delimiter);
  const env = { ...process.env, PATH: path };
  const version = execFileSync("node", ["-p", "process.versions.node"], { env }).toString().trim();
  const [major, minor] = version.split(".").map(Number);
  const [majorMin, minorMin] = range.replace(/[^\d.]/g, "").split(".").map(Number);
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return;
  fail(`Node ${range} is needed, but here is ${version}: install Node ${majorMin} from nodejs.org`);
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
