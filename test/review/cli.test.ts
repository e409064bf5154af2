import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { ALL_RULES } from "../../src/review/catalogue.ts";
import { ROOT } from "../support/documents.ts";
import {
  BAD,
  CALLER,
  collect,
  git,
  GOOD,
  newFolder,
  pathsIn,
  put,
  removeFolder,
  run,
  start,
  UNREAD,
  WARNED,
} from "./command-line.ts";

describe("billing-review", () => {
  let folder: string;
  beforeEach(() => {
    folder = newFolder();
  });
  afterEach(removeFolder);

  it("ends with 0 when all is well, 1 when something fails, 3 when something wasn't analysed", async () => {
    put({ "good.yaml": GOOD, "bad.yaml": BAD, "warned.yaml": WARNED, "unread.yaml": UNREAD });
    assert.equal((await run("good.yaml")).code, 0);
    assert.equal((await run("warned.yaml")).code, 0);
    assert.equal((await run("bad.yaml")).code, 1);
    assert.equal((await run("unread.yaml")).code, 3);
    assert.equal((await run(".")).code, 1);
    assert.equal((await run("warned.yaml", "--max-warnings", "0")).code, 1);
    assert.equal((await run("warned.yaml", "--max-warnings=1")).code, 0);
  });

  it("ends with 2 for what it can't understand, and never reviews nothing in silence", async () => {
    put({ "notes.txt": "x", "empty/notes.txt": "x", "good.yaml": GOOD, "config.json": '{"ignor": []}' });
    const wrong = [
      ["--nonsense"],
      ["missing"],
      ["empty"],
      ["notes.txt"],
      ["*.ts"],
      ["good.yaml", "--format", "xml"],
      ["good.yaml", "--lock-policy", "lax"],
      ["good.yaml", "--max-warnings", "-1"],
      ["good.yaml", "--config", "config.json"],
      ["good.yaml", "--config", "missing.json"],
      ["good.yaml", "--baseline", "missing.json"],
      ["good.yaml", "--baseline", "config.json"],
      ["good.yaml", "--changed-since", "--output=x"],
      ["good.yaml", "--changed-since", "main"],
      ["good.yaml", "--changed-since", "main", "--write-baseline"],
      ["--explain", "BG999"],
    ];
    for (const words of wrong) {
      const { code, out, errors } = await run(...words);
      assert.deepEqual({ words, code, out }, { words, code: 2, out: "" });
      assert.match(errors, /^billing-review: .+\nbilling-review --help says more\.\n$/);
    }
  });

  it("shows its rules, a rule's page, and how it is used", async () => {
    const { out } = await run("--list-rules");
    assert.deepEqual(
      out.match(/^BG\d{3}/gm),
      ALL_RULES.map(({ id }) => id),
    );
    assert.equal(
      (await run("--explain", "bg201")).out,
      readFileSync(join(ROOT, "docs/rules/BG201.md"), "utf8"),
    );
    assert.match((await run("--help")).out, /--changed-since REF/);
  });

  it("finds files in folders, by name and by glob, each once, and leaves out what was made", async () => {
    put({
      "a/one.yaml": BAD,
      "a/b/two.yaml": BAD,
      "a/node_modules/x/three.yaml": BAD,
      "dist/four.yaml": BAD,
    });
    const json = (...words: string[]) => run(...words, "--format", "json");
    assert.deepEqual(pathsIn(await json(".")), ["a/b/two.yaml", "a/one.yaml"]);
    assert.deepEqual(pathsIn(await json()), ["a/b/two.yaml", "a/one.yaml"]);
    assert.deepEqual(pathsIn(await json("a", "a/one.yaml", "./a/../a")), ["a/b/two.yaml", "a/one.yaml"]);
    assert.deepEqual(pathsIn(await json("**/t*.yaml")), ["a/b/two.yaml"]);
    // Who names a file wants it.
    assert.deepEqual(pathsIn(await json("dist/four.yaml")), ["dist/four.yaml"]);
  });

  it("leaves out what git ignores and what the settings ignore", async () => {
    put({
      ".gitignore": "private/\n*.local.yaml\n",
      "a.yaml": BAD,
      "a.local.yaml": BAD,
      "private/b.yaml": BAD,
      "fixtures/c.yaml": BAD,
      "billing-review.json": '{ "ignore": ["fixtures/**"], /* two */ "max_warnings": 0 }',
      "warned.yaml": WARNED,
    });
    git("init", "-q");
    assert.deepEqual(pathsIn(await run("--format", "json")), ["a.yaml", "warned.yaml"]);
    assert.equal((await run("warned.yaml")).code, 1);
    assert.equal((await run("warned.yaml", "--max-warnings", "9")).code, 0);
  });

  it("reports what a change touches, and analyses all the same", async () => {
    put({ "old.yaml": BAD, "caller.yaml": CALLER });
    put({ "other.yaml": GOOD.replace("pipeline_id: a", "pipeline_id: other") });
    git("init", "-q");
    git("add", ".");
    git("commit", "-qm", "one");
    git("checkout", "-qb", "work");
    put({ "caller.yaml": `# changed\n${CALLER}`, "new.yaml": BAD });
    const outcome = await run("--format", "json", "--changed-since", "main");
    assert.equal(outcome.code, 1);
    // The pipeline that the caller runs hasn't changed, and is known.
    assert.deepEqual(pathsIn(outcome), ["new.yaml"]);
    assert.match(outcome.out, /"rule_id": "BG201"/);
    assert.equal((await run("--changed-since", "nonsense")).code, 2);
    git("add", ".");
    git("commit", "-qm", "two");
    assert.deepEqual(pathsIn(await run("--format", "json", "--changed-since", "main")), ["new.yaml"]);
  });

  it("reports a fault in an unchanged file when its way leads through a changed one", async () => {
    const helper =
      'export const set = (c, left, id) => c.query("UPDATE users SET credits = ? WHERE id=?", [left, id]);\n';
    const caller = `import { set } from "./helper";
export async function spend(pool, id, cost) {
  const [[user]] = await pool.query("SELECT credits FROM users WHERE id = ?", [id]);
  if (user.credits < cost) throw new Error("too little");
  await set(pool, user.credits - cost, id);
}
`;
    put({ "helper.ts": helper, "caller.ts": caller, "other.yaml": BAD });
    git("init", "-q");
    git("add", ".");
    git("commit", "-qm", "one");
    git("checkout", "-qb", "work");
    const since = ["--format", "json", "--changed-since", "main"];
    assert.deepEqual(pathsIn(await run(...since)), []);
    put({ "caller.ts": `// changed\n${caller}` });
    assert.deepEqual(pathsIn(await run(...since)), ["helper.ts"]);
  });

  it("lets old faults through by a baseline, and says when they are gone", async () => {
    put({ "old.yaml": BAD });
    const baseline = ["--baseline", "known.json"];
    assert.equal((await run(...baseline, "--write-baseline")).code, 0);
    assert.equal((await run(...baseline)).code, 0);
    put({ "old.yaml": `# moved\n\n${BAD}` });
    const moved = await run(...baseline);
    assert.equal(moved.code, 0);
    assert.match(moved.out, /Suppressed: 1\n {2}BG201 old\.yaml:4:1 \(listed in known\.json\)/);
    put({ "new.yaml": BAD });
    assert.equal((await run(...baseline)).code, 1);
    rmSync(join(folder, "new.yaml"));
    put({ "old.yaml": GOOD });
    assert.match((await run(...baseline)).out, /^WARN BG905 known\.json:1:1$/m);
    // What wasn't looked at isn't gone.
    put({ "old.yaml": BAD, "good.yaml": GOOD });
    assert.doesNotMatch((await run("good.yaml", ...baseline)).out, /BG905/);
  });

  it("writes each format, to a file too, the same bytes each time", async () => {
    put({ "bad.yaml": BAD });
    for (const format of ["text", "json", "sarif", "github"]) {
      const { out } = await run("--format", format);
      const { out: nothing, errors, code } = await run("--format", format, "--output", "report");
      assert.equal(nothing, "");
      assert.equal(code, 1);
      assert.match(errors, /billing-review: FAIL, 1 findings in report/);
      assert.equal(readFileSync(join(folder, "report"), "utf8"), out);
      assert.ok(out.includes("bad.yaml") && !out.includes(folder));
      rmSync(join(folder, "report"));
    }
  });

  it("reviews again when a file changes, and ends with the last answer", async () => {
    put({ "a/bad.yaml": BAD });
    const child = start(["a", "--watch"]);
    const out = collect(child.stdout);
    const errors = collect(child.stderr);
    const waits = (): number => errors.join("").split("waiting for changes").length - 1;
    const until = async (holds: () => boolean): Promise<void> => {
      while (!holds()) await once(child.stderr as NodeJS.ReadableStream, "data");
    };
    await until(() => waits() === 1);
    assert.match(out.join(""), /^FAIL: 1 failed/m);
    // The watcher may need a moment to begin; a change that it missed is made again.
    const again = setInterval(() => put({ "a/bad.yaml": GOOD }), 300);
    await until(() => waits() >= 2);
    clearInterval(again);
    child.kill("SIGINT");
    const [code] = (await once(child, "close")) as [number];
    assert.match(out.join(""), /^PASS: 0 failed/m);
    assert.equal(code, 0);
  });

  it("never passes when it breaks off", async () => {
    put({ "bad.yaml": GOOD });
    mkdirSync(join(folder, "report"));
    const { code, errors } = await run("--output", "report");
    assert.equal(code, 3);
    assert.match(errors, /EISDIR/);
  });
});
