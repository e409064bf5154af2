import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { analyse } from "../../src/review/index.ts";
import type { Analysis, ReviewOptions, SourceFile } from "../../src/review/contract.ts";
import { corpus } from "../support/review-corpus.ts";

const UNSAFE: SourceFile = {
  path: "billing/spend.ts",
  content: `export async function spend(db, id) {
  const user = await db("users").where({ id }).first();
  if (user.credits < 1) throw new Error("none");
  await db("users").where({ id }).decrement("credits", 1);
}
`,
};

const SEMANTIC: ReviewOptions = { lockPolicy: "semantic" };

function summary({ findings }: Analysis): string[] {
  return findings.map(
    ({ ruleId, severity, path, range }) => `${ruleId} ${severity} ${path}:${range.start.line}`,
  );
}

describe("an analysis of hostile files", () => {
  const hostile: Readonly<Record<string, string>> = {
    "a conditional that nests 30,000 times": `const x = ${"a?b:".repeat(30_000)}c;`,
    "an else that nests 30,000 times": `if (a);${"else if (b);".repeat(30_000)}`,
    "arrows that nest 20,000 times": `const f = ${"a=>".repeat(20_000)}1;`,
  };
  for (const [title, content] of Object.entries(hostile)) {
    it(`outlives ${title}, names the file, and judges the others`, async () => {
      const analysis = await analyse([{ path: "a-hostile.ts", content }, UNSAFE], SEMANTIC);
      const [first, ...others] = summary(analysis);
      ok(first === "BG093 NOT_ANALYSED a-hostile.ts:1" || first === "BG001 FAIL billing/spend.ts:4", first);
      ok([first, ...others].includes("BG001 FAIL billing/spend.ts:4"));
      strictEqual(analysis.filesAnalysed + analysis.filesNotAnalysed, 2);
    });
  }

  it("refuses brackets that nest too deep, before any parser sees them", async () => {
    const analysis = await analyse([{ path: "deep.ts", content: "(".repeat(100_000) }, UNSAFE], SEMANTIC);
    deepStrictEqual(summary(analysis), ["BG001 FAIL billing/spend.ts:4", "BG093 NOT_ANALYSED deep.ts:1"]);
  });

  it("names the place of a syntax error", async () => {
    const analysis = await analyse([{ path: "broken.ts", content: "\n\nconst x = ;\n" }, UNSAFE], SEMANTIC);
    deepStrictEqual(summary(analysis), ["BG001 FAIL billing/spend.ts:4", "BG090 NOT_ANALYSED broken.ts:3"]);
    deepStrictEqual([analysis.filesAnalysed, analysis.filesNotAnalysed], [1, 1]);
  });

  it("names a file with a line of 10 MB, and files beyond the limits of number and size", async () => {
    const line = { path: "bundle.js", content: `var a="${"x".repeat(10_000_000)}";` };
    deepStrictEqual(summary(await analyse([line, UNSAFE], SEMANTIC)), [
      "BG001 FAIL billing/spend.ts:4",
      "BG093 NOT_ANALYSED bundle.js:1",
    ]);
    const allowed = await analyse([line, UNSAFE], { ...SEMANTIC, limits: { fileLength: 20_000_000 } });
    deepStrictEqual(summary(allowed), ["BG001 FAIL billing/spend.ts:4"]);
    const few = await analyse([UNSAFE, { path: "z.ts", content: "" }], {
      ...SEMANTIC,
      limits: { fileCount: 1 },
    });
    deepStrictEqual(summary(few), ["BG001 FAIL billing/spend.ts:4", "BG093 NOT_ANALYSED z.ts:1"]);
    const small = await analyse([UNSAFE, { path: "z.ts", content: "1;" }], {
      ...SEMANTIC,
      limits: { totalLength: UNSAFE.content.length },
    });
    deepStrictEqual(summary(small), ["BG001 FAIL billing/spend.ts:4", "BG093 NOT_ANALYSED z.ts:1"]);
  });

  it("that makes the child run out of memory ends as findings", async () => {
    const fat = { path: "fat.ts", content: `const quota = [${"[{a:1}],".repeat(150_000)}];` };
    const analysis = await analyse([fat, UNSAFE], { ...SEMANTIC, limits: { memoryMib: 60 } });
    ok(summary(analysis).includes("BG093 NOT_ANALYSED fat.ts:1"), summary(analysis).join("\n"));
    ok(summary(analysis).includes("BG001 FAIL billing/spend.ts:4"), summary(analysis).join("\n"));
  });

  it("that takes too long ends as findings, and never as silence", async () => {
    const stalled = await analyse([UNSAFE], { ...SEMANTIC, limits: { stallMs: 1 } });
    deepStrictEqual(summary(stalled), ["BG093 NOT_ANALYSED billing/spend.ts:1"]);
    const late = await analyse([UNSAFE], { ...SEMANTIC, limits: { totalMs: 1 } });
    deepStrictEqual(summary(late), ["BG093 NOT_ANALYSED billing/spend.ts:1"]);
  });

  it("ends with the caller's reason when the caller gives up", async () => {
    const reason = new Error("the caller has gone");
    await rejects(analyse([UNSAFE], { ...SEMANTIC, signal: AbortSignal.abort(reason) }), reason);
    const controller = new AbortController();
    const running = analyse([UNSAFE], {
      ...SEMANTIC,
      signal: controller.signal,
      progress: () => controller.abort(reason),
    });
    await rejects(running, reason);
  });

  it("refuses two files with one path", async () => {
    await rejects(analyse([UNSAFE, UNSAFE], SEMANTIC), /two files have the path/);
  });
});

describe("an analysis in a child process", () => {
  it("gives the same bytes whatever the order of the files, and reports its progress", async () => {
    const files = corpus()
      .filter(({ files: own }) => own.length === 1)
      .flatMap(({ files: own }) => own);
    const seen: number[] = [];
    const first = await analyse(files, { ...SEMANTIC, progress: (done) => seen.push(done) });
    const second = await analyse([...files].reverse(), SEMANTIC);
    strictEqual(JSON.stringify(second), JSON.stringify(first));
    ok(seen.length >= files.filter(({ path }) => !path.endsWith(".sql")).length);
    strictEqual(
      first.filesNotAnalysed,
      first.findings.filter(({ ruleId }) => ruleId === "BG090" || ruleId === "BG091").length,
    );
  });

  it("gives the same from a cache, from a cache that others wrote badly, and without one", async () => {
    const directory = await mkdtemp(join(tmpdir(), "review-cache-"));
    try {
      const comment = {
        path: "note.ts",
        content: "// billing-review-disable-next-line BG001 -- a reason\nexport const a = 1;\n",
      };
      const files = [UNSAFE, comment, { path: "broken.js", content: "let ;" }];
      const without = JSON.stringify(await analyse(files, SEMANTIC));
      const options = { ...SEMANTIC, cacheDirectory: directory };
      strictEqual(JSON.stringify(await analyse(files, options)), without);
      strictEqual(JSON.stringify(await analyse(files, options)), without);
      const kept = await readdir(directory);
      // One a file, and one for the answer to all of them.
      strictEqual(kept.length, files.length + 1);
      for (const name of kept) await writeFile(join(directory, name), '{"comments":');
      strictEqual(JSON.stringify(await analyse(files, options)), without);
      ok(without.includes("a reason"));
      // What was answered to other files, or under another policy, answers nothing here.
      const mended = files.map((file) => (file === UNSAFE ? { ...file, content: "export {};\n" } : file));
      strictEqual(
        JSON.stringify(await analyse(mended, options)),
        JSON.stringify(await analyse(mended, SEMANTIC)),
      );
      const strict = { lockPolicy: "strict" as const };
      strictEqual(
        JSON.stringify(await analyse(files, { ...options, ...strict })),
        JSON.stringify(await analyse(files, strict)),
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
