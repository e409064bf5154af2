// Makes the secrets of docker-compose.yml in the given folder, once; what is there stays.
import { createHash, randomBytes } from "node:crypto";
import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: make-secrets.mjs FOLDER");

/** One caller for each role that the services of a shop have. */
const CALLERS = ["pipeline", "storefront", "operator", "finance", "reviewer", "auditor", "admin"];

for (const name of ["mysql", "mysql-root"]) keep(name, () => randomText());
// Both files from one set of tokens: the hashes last, since the service reads only them.
if (!existsSync(join(folder, "identities.json"))) {
  const tokens = Object.fromEntries(CALLERS.map((role) => [role, randomText()]));
  write("tokens.json", 0o400, `${JSON.stringify(tokens, null, 2)}\n`);
  const identities = Object.entries(tokens).map(([role, token]) => ({
    name: role,
    roles: [role],
    token_sha256: createHash("sha256").update(token).digest("hex"),
  }));
  write("identities.json", 0o444, `${JSON.stringify(identities, null, 2)}\n`);
}

function keep(name, make) {
  // Readable for the users of the other images; only they have this volume.
  if (!existsSync(join(folder, name))) write(name, 0o444, make());
}

/** Whole or not at all: an interrupted start is repeated. */
function write(name, mode, text) {
  const unfinished = join(folder, `${name}.new`);
  writeFileSync(unfinished, text, { mode });
  renameSync(unfinished, join(folder, name));
}

function randomText() {
  return randomBytes(32).toString("hex");
}
