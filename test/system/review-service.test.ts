/** Reviews that the service makes: the command's own answers, from processes that may die. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Refusal } from "../../src/billing/refusal.ts";
import { Severity, Verdict } from "../../src/gen/billing/review/v1/review.ts";
import {
  ReviewCodeRequest,
  ReviewServiceService as Reviews,
} from "../../src/gen/billing/review/v1/review_service.ts";
import { createTurns } from "../../src/review/turns.ts";
import { reviewApart } from "../../src/review/whole.ts";
import { newFolder, put, removeFolder, run } from "../review/command-line.ts";
import { unique } from "../support/bank.ts";
import { corpus } from "../support/review-corpus.ts";
import { flavours } from "../support/servers.ts";
import { startTestService, type TestService } from "../support/service.ts";

/** Takes seconds to be judged. */
function largeFile(): { path: string; content: string } {
  const one = (n: number) => `export async function spend${n}(db, id) {
  const user = await db("users").where({ id }).first();
  if (user.credits < ${n}) throw new Error("none");
  return db("audit").insert({ id });
}
`;
  const content = Array.from({ length: 6_000 }, (_, n) => one(n)).join("");
  return { path: "src/large.ts", content: `${content}// ${unique("large")}\n` };
}

/** The processes of reviews that this process has begun. */
async function reviewing(): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const words = (await readFile(`/proc/${name}/cmdline`, "utf8")).split("\0");
      if (words.some((word) => word.endsWith("whole-worker.ts"))) found.push(Number(name));
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

async function untilReviewing(): Promise<number> {
  for (;;) {
    const [pid] = await reviewing();
    if (pid !== undefined) return pid;
    await sleep(20);
  }
}

describe("reviews of the service", () => {
  let service: TestService;
  before(async () => {
    service = await startTestService(flavours()[0]!);
  });
  after(() => service.close());
  afterEach(removeFolder);

  const reports = { json: true, sarif: true };

  async function assertSame(files: readonly { path: string; content: string }[]) {
    newFolder();
    put(Object.fromEntries(files.map(({ path, content }) => [path, content])));
    const request = ReviewCodeRequest.fromPartial({ files: [...files], reports });
    const answer = await service.call(Reviews.reviewCode, request, { as: "reviewer" });
    const json = await run("--format", "json", "--no-cache", ".");
    assert.equal(answer.reports?.json, json.out);
    const sarif = await run("--format", "sarif", "--no-cache", ".");
    assert.equal(answer.reports.sarif, sarif.out);
  }

  it("are the command's, byte for byte: the whole corpus at once", async () => {
    const files = corpus().flatMap((one, at) =>
      one.files.map(({ path, content }) => ({ path: `case-${at}/${path}`, content })),
    );
    assert.ok(files.length > 120);
    await assertSame(files);
  });

  const cases = corpus();
  for (const { name, files } of cases.filter((_, at) => at % Math.floor(cases.length / 8) === 0)) {
    it(`are the command's, byte for byte: ${name}`, () => assertSame(files));
  }

  it("are the command's where nothing can be analysed: a syntax error, deep nesting, bad YAML", async () => {
    await assertSame([
      { path: "broken.ts", content: "const x = ;\n" },
      { path: "deep.ts", content: "(".repeat(50_000) },
      { path: "pipelines/bad.yaml", content: "quota_cost: [1\n" },
      { path: "pipelines/bomb.yaml", content: bomb() },
      { path: "script.py", content: "users.credits -= 1\n" },
    ]);
  });

  it("end with the process that makes them, as a finding for each file, and the next is made", async () => {
    const file = largeFile();
    const request = ReviewCodeRequest.fromPartial({ files: [file] });
    const answering = service.call(Reviews.reviewCode, request, { as: "reviewer" });
    process.kill(await untilReviewing(), "SIGKILL");
    const { review } = await answering;
    assert.equal(review?.verdict, Verdict.PASS_WITH_WARNING);
    const [finding] = review.findings;
    assert.deepEqual([finding?.severity, finding?.path], [Severity.NOT_ANALYSED, file.path]);
    assert.deepEqual([review.filesAnalysed, review.filesNotAnalysed], [0, 1]);
    await assertSame([{ path: "a.ts", content: `export const a = "${unique("a")}";\n` }]);
  });

  it("are ended, with all their processes, when their caller gives up", async () => {
    const cancelling = new AbortController();
    const request = ReviewCodeRequest.fromPartial({ files: [largeFile()] });
    const options = { as: "reviewer", signal: cancelling.signal };
    const answering = service.call(Reviews.reviewCode, request, options);
    const refused = assert.rejects(answering);
    await untilReviewing();
    cancelling.abort();
    await refused;
    while ((await reviewing()).length > 0) await sleep(20);
  });

  it("are ended when they take too long", async () => {
    const { signal } = new AbortController();
    const job = {
      files: [largeFile()],
      lockPolicy: "semantic" as const,
      today: "2026-11-23",
      limits: { totalMs: 1 },
    };
    const { result } = await reviewApart(job, { totalMs: 60_000, signal });
    assert.deepEqual([result.filesAnalysed, result.filesNotAnalysed], [0, 1]);
  });
});

describe("turns", () => {
  const { signal } = new AbortController();

  it("are taken in order, so many at once, and who would wait behind too many is refused", async () => {
    const turns = createTurns(2, 2, 500);
    const ends: (() => void)[] = [];
    const begun: number[] = [];
    const work = (n: number) => () => {
      begun.push(n);
      return new Promise<number>((resolve) => ends.push(() => resolve(n)));
    };
    const running = [1, 2, 3, 4].map((n) => turns.run(work(n), signal));
    await assert.rejects(
      turns.run(work(5), signal),
      (error: unknown) =>
        error instanceof Refusal && error.reason === "OVERLOADED" && error.retryAfterMs === 500,
    );
    assert.deepEqual([begun, turns.running, turns.waiting], [[1, 2], 2, 2]);
    for (let at = 0; at < 4; at += 1) {
      while (ends.length <= at) await sleep(1);
      ends[at]!();
    }
    assert.deepEqual(await Promise.all(running), [1, 2, 3, 4]);
    assert.deepEqual([begun, turns.running, turns.waiting], [[1, 2, 3, 4], 0, 0]);
  });

  it("are given up by whoever waits, and passed on by work that fails", async () => {
    const turns = createTurns(1, 4, 500);
    const failing = turns.run(async () => {
      await sleep(10);
      throw new Error("broken");
    }, signal);
    const gone = new AbortController();
    const leaving = turns.run(async () => "never", gone.signal);
    const staying = turns.run(async () => "done", signal);
    gone.abort(new Error("gone"));
    await assert.rejects(leaving, /gone/);
    await assert.rejects(failing, /broken/);
    assert.equal(await staying, "done");
    assert.deepEqual([turns.running, turns.waiting], [0, 0]);
  });
});

/** Nine levels of aliases, each nine times the one below. */
function bomb(): string {
  const lines = ["a0: &a0 [quota_cost, quota_cost]"];
  for (let n = 1; n < 9; n += 1) {
    lines.push(`a${n}: &a${n} [${Array.from({ length: 9 }, () => `*a${n - 1}`).join(", ")}]`);
  }
  return `${lines.join("\n")}\npipeline_id: x\nsteps: *a8\n`;
}
