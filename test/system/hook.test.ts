import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { ReservationId, UserId } from "../../src/billing/id.ts";
import { commitQuota } from "../../src/billing/quota/commit-quota.ts";
import { Spool } from "../../src/client/index.ts";
import { EXIT, runHook } from "../../src/client/hook.ts";
import { unique } from "../support/bank.ts";
import { bookFaults } from "../support/books.ts";
import { flavours, freshDirectory } from "../support/servers.ts";
import { startTestService, tokenOf, type TestService } from "../support/service.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";

/** The line of JSON; which of its parts are there depends on the command. */
interface Report {
  readonly outcome?: string;
  readonly replayed?: boolean;
  readonly reservations?: readonly Readonly<Record<string, string>>[];
  readonly balance?: Readonly<Record<string, string>>;
  readonly error?: { readonly code: string; readonly reason: string | null };
  readonly delivered?: number;
  readonly waiting?: number;
  readonly dead?: number;
  readonly oldestTime?: string;
  readonly deadEntries?: readonly {
    readonly reason: string;
    readonly call: { readonly reservationId: string };
  }[];
}

interface Run {
  readonly exitCode: number;
  readonly report: Report;
  readonly warnings: string;
}

describe("billing-hook", () => {
  let service: TestService;
  let proxy: TcpProxy;
  let env: Record<string, string>;
  let userId: UserId;
  let reservationId: ReservationId;
  let taskId: string;

  before(async () => {
    service = await startTestService(flavours()[0]!);
    proxy = await startTcpProxy(service.server.port);
  });
  after(async () => {
    await proxy.stop();
    await service.close();
  });

  beforeEach(async () => {
    const directory = await freshDirectory();
    const tokenFile = join(directory, "token");
    await writeFile(tokenFile, `${tokenOf("pipeline")}\n`);
    env = {
      BILLING_ADDRESS: proxy.address,
      BILLING_TOKEN_FILE: tokenFile,
      BILLING_SPOOL_DIR: join(directory, "spool"),
    };
    userId = await service.bank.member(100);
    taskId = unique("task");
    reservationId = (await service.bank.reserve(userId, { taskId, quantity: 10 })).reservationId;
  });
  afterEach(async () => {
    proxy.unblock();
    assert.deepEqual(await bookFaults(service.bank.sql), []);
  });

  async function run(...argv: string[]): Promise<Run> {
    const lines: string[] = [];
    const warnings: string[] = [];
    const exitCode = await runHook({
      argv,
      env,
      print: (line) => void lines.push(line),
      warn: (line) => void warnings.push(line),
    });
    assert.ok(lines.length <= 1, "one line is printed");
    return { exitCode, report: JSON.parse(lines[0] ?? "{}"), warnings: warnings.join("\n") };
  }

  async function reservation(id: string = reservationId): Promise<Record<string, unknown>> {
    const [row] = await service.bank.sql(
      `select * from quota_reservations where reservation_id = '${id}'`,
    );
    return row!;
  }

  it("gives a hold back, and says in one line of JSON what became of it", async () => {
    const { exitCode, report } = await run(
      "refund",
      "--reservation",
      reservationId,
      "--reason",
      "UPSTREAM_ERROR",
      "--step",
      "upscale",
      "--detail",
      "HTTP 500",
    );
    assert.equal(exitCode, EXIT.DONE);
    assert.equal(report.outcome, "DELIVERED");
    assert.equal(report.replayed, false);
    assert.deepEqual(report.reservations, [
      { reservationId, state: "REFUNDED", committedAmount: "0", refundedAmount: "10" },
    ]);
    assert.deepEqual(report.balance, { userId, available: "100", held: "0" });
    const row = await reservation();
    assert.deepEqual(
      [row["refund_reason"], row["failed_step"], row["refund_detail"]],
      ["UPSTREAM_ERROR", "upscale", "HTTP 500"],
    );
  });

  it("gives every hold of a task back", async () => {
    const second = await service.bank.reserve(userId, { taskId, quantity: 5 });
    const { report } = await run(
      "refund",
      "--task",
      taskId,
      "--user",
      userId,
      "--reason",
      "TIMEOUT",
    );
    assert.equal(report.reservations?.length, 2);
    assert.equal((await reservation(second.reservationId))["state"], "REFUNDED");
  });

  it("called twice, in the same or in other words, gives back once and is told so", async () => {
    const refund = ["refund", "--reservation", reservationId, "--reason", "STEP_FAILED"];
    await run(...refund);
    for (const more of [[], ["--step", "upload"], ["--detail", "again"]]) {
      const { exitCode, report } = await run(...refund, ...more);
      assert.deepEqual([exitCode, report.replayed], [EXIT.DONE, true]);
    }
    const moved = "type = 'REFUND' and grant_id is not null";
    const rows = await service.bank.sql(
      `select 1 from quota_logs where user_id = '${userId}' and ${moved}`,
    );
    assert.equal(rows.length, 1);
  });

  it("gives back the second hold of a task that is tried again and fails in the same way", async () => {
    const refund = ["refund", "--task", taskId, "--reason", "STEP_FAILED"];
    await run(...refund);
    const second = await service.bank.reserve(userId, { taskId, quantity: 10 });
    await run(...refund);
    assert.equal((await reservation(second.reservationId))["state"], "REFUNDED");
  });

  it("spends a hold, or a part of it", async () => {
    const { exitCode, report } = await run(
      "commit",
      "--reservation",
      reservationId,
      "--actual",
      "4",
    );
    assert.deepEqual([exitCode, report.outcome], [EXIT.DONE, "DELIVERED"]);
    assert.equal(Number((await reservation())["committed_amount"]), 4);
    const again = await run("commit", "--reservation", reservationId, "--actual", "4");
    assert.deepEqual([again.exitCode, again.report.replayed], [EXIT.DONE, true]);
  });

  it("says with 1 that the service has refused, and why; status keeps it", async () => {
    await service.bank.send(commitQuota, { reservationId, actualAmount: 3n });
    const { exitCode, report } = await run("commit", "--reservation", reservationId);
    assert.equal(exitCode, EXIT.REFUSED);
    assert.deepEqual(
      [report.error?.code, report.error?.reason],
      ["FAILED_PRECONDITION", "RESERVATION_NOT_HELD"],
    );
    const status = await run("status");
    const [dead] = status.report.deadEntries ?? [];
    assert.equal(dead?.reason, "RESERVATION_NOT_HELD");
    assert.equal(dead?.call.reservationId, reservationId);
  });

  it("never passes an opinion of the result off as a fault", async () => {
    const { exitCode, report } = await run(
      "refund",
      "--reservation",
      reservationId,
      "--reason",
      "USER_DISSATISFIED",
    );
    assert.equal(exitCode, EXIT.REFUSED);
    assert.equal(report.error?.reason, "SUBJECTIVE_REFUND_FORBIDDEN");
    assert.equal((await reservation())["state"], "HELD");
  });

  it("passes on what error messages really look like", async () => {
    const detail = `\u001b[31mffmpeg\u001b[0m: 内存不足\n${"x".repeat(5_000)}\ud83d`;
    const { exitCode } = await run(
      "refund",
      "--reservation",
      reservationId,
      "--reason",
      "STEP_FAILED",
      "--detail",
      detail,
    );
    assert.equal(exitCode, EXIT.DONE);
    assert.equal((await reservation())["state"], "REFUNDED");
  });

  it("spools while the service is away, and a later hook takes it along", async () => {
    proxy.block();
    const { exitCode, report, warnings } = await run(
      "refund",
      "--reservation",
      reservationId,
      "--reason",
      "TIMEOUT",
      "--deadline-ms",
      "300",
    );
    assert.deepEqual([exitCode, report.outcome], [EXIT.DONE, "SPOOLED"]);
    assert.match(warnings, /spooled/);
    const waiting = await run("status");
    assert.deepEqual([waiting.report.waiting, waiting.report.dead], [1, 0]);
    assert.match(waiting.report.oldestTime ?? "", /^20/);
    proxy.unblock();
    const flush = await run("flush");
    assert.deepEqual(
      [flush.exitCode, flush.report.delivered, flush.report.waiting],
      [EXIT.DONE, 1, 0],
    );
    assert.equal((await reservation())["state"], "REFUNDED");
  });

  it("spools what it can't send since its settings are wrong: no refund is lost for a missing file", async () => {
    const refund = ["refund", "--reservation", reservationId, "--reason", "TIMEOUT"];
    const wrong: Record<string, string>[] = [
      { BILLING_ADDRESS: "" },
      { BILLING_TOKEN_FILE: "/nowhere/token" },
      { BILLING_TLS_CA_FILE: "/nowhere/ca.pem" },
      { BILLING_DEADLINE_MS: "soon" },
      { BILLING_ADDRESS: "billing.example.com:50051" },
    ];
    const right = env;
    for (const settings of wrong) {
      env = { ...right, ...settings };
      const { exitCode, report } = await run(...refund);
      assert.deepEqual(
        [exitCode, report.outcome],
        [EXIT.DONE, "SPOOLED"],
        JSON.stringify(settings),
      );
    }
    env = right;
    const flush = await run("flush");
    assert.deepEqual([flush.report.delivered, flush.report.waiting], [wrong.length, 0]);
    assert.equal((await reservation())["state"], "REFUNDED");
  });

  it("keeps what a token that isn't known, or isn't allowed, could not deliver", async () => {
    for (const token of ["nobody", tokenOf("auditor")]) {
      await writeFile(env["BILLING_TOKEN_FILE"]!, token);
      const { exitCode, report } = await run(
        "refund",
        "--reservation",
        reservationId,
        "--reason",
        "TIMEOUT",
      );
      assert.deepEqual([exitCode, report.outcome], [EXIT.DONE, "SPOOLED"], token);
    }
    await writeFile(env["BILLING_TOKEN_FILE"]!, tokenOf("pipeline"));
    assert.equal((await run("flush")).report.delivered, 2);
  });

  it("says with 2 what is wrong with its words, and records nothing", async () => {
    const wrong = [
      [],
      ["refunds"],
      ["refund"],
      ["refund", "--reservation", reservationId],
      ["refund", "--reservation", reservationId, "--reason", "customer is unhappy"],
      ["refund", "--reservation", reservationId, "--task", taskId, "--reason", "TIMEOUT"],
      ["refund", "--reservation", "a b", "--reason", "TIMEOUT"],
      ["refund", "--reservation", reservationId, "--user", userId, "--reason", "TIMEOUT"],
      ["refund", "--reservation", reservationId, "--reason", "TIMEOUT", "--key", "a b"],
      ["refund", "--reservation", reservationId, "--reason", "TIMEOUT", "--actual", "1"],
      ["refund", "--reservation", reservationId, "--reason", "TIMEOUT", "--unknown"],
      ["commit", "--reservation", reservationId, "--actual", "-1"],
      ["commit", "--reservation", reservationId, "--actual", "1.5"],
      ["commit", "--task", taskId],
      ["flush", "--reservation", reservationId],
      ["status", "more"],
    ];
    for (const words of wrong) {
      const { exitCode, report, warnings } = await run(...words);
      assert.deepEqual([exitCode, report.outcome], [EXIT.USAGE, "USAGE"], words.join(" "));
      assert.match(warnings, /Exit: 0 delivered/);
    }
    const { waiting, claimed, dead } = await (await Spool.open(env["BILLING_SPOOL_DIR"]!)).status();
    assert.deepEqual([waiting, claimed, dead], [0, 0, 0]);
    assert.equal((await reservation())["state"], "HELD");
  });

  it("says with 3 that a refund is neither delivered nor on disk, and delivers without a disk if it can", async () => {
    const file = join(await freshDirectory(), "file");
    await writeFile(file, "no directory");
    env["BILLING_SPOOL_DIR"] = join(file, "spool");
    const refund = ["refund", "--reservation", reservationId, "--reason", "TIMEOUT"];
    proxy.block();
    const lost = await run(...refund, "--deadline-ms", "300");
    assert.deepEqual([lost.exitCode, lost.report.outcome], [EXIT.LOST, "LOST"]);
    proxy.unblock();
    const delivered = await run(...refund);
    assert.deepEqual([delivered.exitCode, delivered.report.outcome], [EXIT.DONE, "DELIVERED"]);
    assert.match(delivered.warnings, /spool/);
    assert.equal((await run("flush")).exitCode, EXIT.LOST);
  });

  it("makes its directories for itself alone", async () => {
    const open = join(await freshDirectory(), "open");
    await mkdir(open);
    await chmod(open, 0o777);
    env["BILLING_SPOOL_DIR"] = join(open, "a", "b");
    const { exitCode } = await run("refund", "--reservation", reservationId, "--reason", "TIMEOUT");
    assert.equal(exitCode, EXIT.DONE);
  });

  it("watches its spool until it is told to end", async () => {
    proxy.block();
    await run(
      "refund",
      "--reservation",
      reservationId,
      "--reason",
      "TIMEOUT",
      "--deadline-ms",
      "300",
    );
    proxy.unblock();
    const end = new AbortController();
    const watching = runHook({
      argv: ["flush", "--watch", "--interval-ms", "10"],
      env,
      print(line) {
        assert.equal((JSON.parse(line) as { delivered: number }).delivered, 1);
        end.abort();
      },
      warn: (line) => assert.fail(line),
      signal: end.signal,
    });
    assert.equal(await watching, EXIT.DONE);
    assert.equal((await reservation())["state"], "REFUNDED");
  });

  it("explains itself", async () => {
    const { exitCode, warnings } = await run("--help");
    assert.equal(exitCode, EXIT.DONE);
    assert.match(warnings, /BILLING_SPOOL_DIR/);
  });
});
