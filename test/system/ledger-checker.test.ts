/** The scheduled check of the ledgers: on one of several servers, under load, and after a server was killed. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { redeemCampaign } from "../../src/billing/membership/redeem-campaign.ts";
import { commitQuota } from "../../src/billing/quota/commit-quota.ts";
import { refundQuota } from "../../src/billing/quota/refund-quota.ts";
import { openLedgers, type Ledgers } from "../../src/ledgers.ts";
import { startLedgerChecker, type LedgerObserver } from "../../src/job/ledger-checker.ts";
import { createJobTurns } from "../../src/store/job-turns.ts";
import { createLedgerRecords } from "../../src/store/ledger-check-records.ts";
import { checkLedgers } from "../../src/store/ledger-check.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { openTelemetry, type Telemetry } from "../../src/telemetry/telemetry.ts";
import { openBank, type Bank } from "../support/bank.ts";
import { runCampaign, tillOf } from "../support/ledger-world.ts";
import { killPrograms, startProgram } from "../support/program.ts";
import { flavours } from "../support/servers.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CHILD = join(ROOT, "test/support/ledger-child.ts");
const LEASE_MS = 2_000;
const INTERVAL_MS = 200;
const CUSTOMERS = 6;
const ROUNDS = 12;

for (const flavour of flavours()) {
  describe(`the scheduled check of the ledgers on ${flavour}`, () => {
    let bank: Bank;
    const servers: Ledgers[] = [];
    beforeEach(async () => {
      bank = await openBank(flavour);
    });
    afterEach(async () => {
      await Promise.all(servers.splice(0).map((server) => server.close()));
      await killPrograms();
      await bank.close();
    });

    const start = async (observer: LedgerObserver) => {
      const { url, context } = bank;
      const options = { database: { url }, context, intervalMs: INTERVAL_MS, leaseMs: LEASE_MS };
      const server = await openLedgers({ ...options, observer });
      servers.push(server);
      return server;
    };
    const checks = () =>
      bank.sql("select owner, rule_count, row_count, break_count, findings from ledger_checks");
    const wrong = async () => {
      const [user] = await bank.sql("select user_id from users order by user_id limit 1");
      const userId = String(user!["user_id"]);
      await bank.sql(`update users set quota_held = quota_held + 1 where user_id = '${userId}'`);
      return userId;
    };

    it("raises no false alarm while customers reserve, buy, redeem and refund", async () => {
      const orm = await openOrm({ url: bank.url, poolMax: 2 });
      const campaignId = await runCampaign(bank);
      const load = serveCustomers(bank, campaignId);
      const state = { isOver: false };
      const over = load.finally(() => (state.isOver = true));
      let rounds = 0;
      for (; !state.isOver || rounds < 3; rounds++) {
        const { findings } = await checkLedgers(orm, { rest: 0, pageMax: 2 });
        assert.deepEqual(findings, []);
      }
      await over;
      const { findings, rows } = await checkLedgers(orm, { rest: 0 });
      assert.deepEqual(findings, []);
      assert.ok(rows > CUSTOMERS, `${rows} rows in ${rounds} rounds`);
      await closeOrm(orm);
    });

    it("is done by one of two servers at a time, and both know what came of it", async () => {
      const running = new Set<string>();
      const known = [0, 0];
      const done: string[] = [];
      const observers = [0, 1].map((at) => ({
        ...quiet(),
        known: () => void (known[at]! += 1),
        checked: (checkId: string) => void done.push(checkId),
      }));
      await Promise.all(observers.map((observer) => start(observer)));
      await until(() => done.length >= 4 && known.every((times) => times > 0));
      await Promise.all(servers.splice(0).map((server) => server.close()));
      const rows = await bank.sql(
        "select check_id, start_time, end_time from ledger_checks order by start_time",
      );
      assert.equal(rows.length, done.length);
      for (const [at, row] of rows.entries()) {
        running.add(String(row["check_id"]));
        if (at === 0) continue;
        const before = String(rows[at - 1]!["end_time"]);
        assert.ok(
          String(row["start_time"]) >= before,
          `${String(row["start_time"])} is before ${before}`,
        );
      }
      assert.deepEqual([...running].sort(), [...done].sort());
      // Whoever is stopped gives the turn back.
      const [turn] = await bank.sql("select lease_until <= now(3) as is_free from job_turns");
      assert.equal(Number(turn!["is_free"]), 1);
    });

    it("is taken over when the server that does it is killed", async () => {
      await bank.member(10);
      const victim = startProgram([CHILD, bank.url, "victim", String(LEASE_MS)], { cwd: ROOT });
      await victim.line(/a page is done/);
      const lease = async () => {
        const [turn] = await bank.sql("select owner, lease_until from job_turns");
        assert.equal(turn!["owner"], "victim");
        return String(turn!["lease_until"]);
      };
      const first = await lease();
      // It's alive, so it keeps its turn.
      await until(async () => (await lease()) > first);
      victim.kill("SIGKILL");
      await victim.exited;
      const took: string[] = [];
      await start({ ...quiet(), checked: (checkId) => void took.push(checkId) });
      await until(() => took.length > 0);
      assert.ok((await checks()).every((row) => row["owner"] !== "victim"));
    });

    it("ends a round whose turn has become another's, and writes nothing of it", async () => {
      const orm = await openOrm({ url: bank.url, poolMax: 2 });
      const turns = createJobTurns(orm, { job: "ledger-check", owner: "slow", leaseMs: LEASE_MS });
      const begun = Promise.withResolvers<void>();
      const ended = Promise.withResolvers<void>();
      const checker = startLedgerChecker({
        turns,
        records: createLedgerRecords(orm, bank.context, turns, "slow"),
        check: ({ signal }) =>
          new Promise((_, reject) => {
            begun.resolve();
            signal!.addEventListener("abort", () => {
              ended.resolve();
              reject(signal!.reason as Error);
            });
          }),
        intervalMs: INTERVAL_MS,
        leaseMs: LEASE_MS,
        observer: quiet(),
      });
      await begun.promise;
      const later = "timestampadd(hour, 1, now(3))";
      await bank.sql(`update job_turns set owner = 'other', lease_until = ${later}`);
      await ended.promise;
      await checker.stop();
      await closeOrm(orm);
      const [turn] = await bank.sql("select owner, lease_until > now(3) as is_held from job_turns");
      assert.deepEqual([turn!["owner"], Number(turn!["is_held"])], ["other", 1]);
      assert.deepEqual(await checks(), []);
    });

    it("tells of the first difference at once: an event, metrics, the log, and a row", async () => {
      await bank.member(10);
      const lines: string[] = [];
      const telemetry = await openTelemetry({
        instance: "test",
        version: "0",
        log: { level: "info", destination: { write: (line: string) => void lines.push(line) } },
        metrics: { host: "127.0.0.1", port: 0 },
      });
      try {
        const userId = await wrong();
        await start(telemetry.ledgers);
        await until(async () => (await checks()).length > 0);
        const [row] = await checks();
        assert.deepEqual([Number(row!["rule_count"]), Number(row!["break_count"])], [52, 3]);
        const findings = JSON.parse(String(row!["findings"])) as { rule: string; rowId: string }[];
        assert.deepEqual(
          findings.map(({ rule }) => rule),
          ["LB02", "LB04", "LB06"],
        );
        assert.ok(findings.every(({ rowId }) => rowId === userId));
        const events = await bank.sql(
          "select payload from outbox_events where type = 'ledger.broken'",
        );
        const { check_id: checkId, ...told } = JSON.parse(String(events[0]!["payload"])) as Record<
          string,
          string
        >;
        assert.match(checkId!, /^lgc_/);
        assert.deepEqual(told, { rule: "LB02", row_id: userId, expected: "0", found: "1" });
        await until(async () => /^billing_ledger_breaks\S* 3$/m.test(await metricsOf(telemetry)));
        assert.match(
          await metricsOf(telemetry),
          /^billing_ledger_checked_time_seconds\S* \d{10}(\.\d+)?$/m,
        );
        assert.match(await metricsOf(telemetry), /^billing_ledger_rounds_total\S*BROKEN\S* \d+$/m);
        const first = JSON.parse(lines.find((line) => line.includes("first row"))!) as Record<
          string,
          string
        >;
        assert.deepEqual(
          [first["level"], first["code"], first["rowId"]],
          ["error", "LB02", userId],
        );
      } finally {
        await Promise.all(servers.splice(0).map((server) => server.close()));
        await telemetry.close();
      }
    });

    it("can be done from a shell, with an exit code that says what came of it", async () => {
      await bank.member(10);
      const run = (url: string | undefined, ...words: string[]) => {
        const { PATH = "" } = process.env;
        const env = { PATH, ...(url !== undefined && { DATABASE_URL: url }) };
        return spawnSync(process.execPath, ["bin/verify-books.ts", ...words], {
          cwd: ROOT,
          env,
          encoding: "utf8",
        });
      };
      const fine = run(bank.url);
      assert.equal(fine.status, 0, fine.stderr);
      assert.match(fine.stdout, /^users: 1 …\n[^]*52 rules, \d+ rows, 0 that differ\n$/);
      const userId = await wrong();
      const broken = run(bank.url);
      assert.equal(broken.status, 1, broken.stderr);
      assert.ok(broken.stdout.includes(`LB02\t${userId}\texpected 0\tfound 1\n`), broken.stdout);
      assert.equal(run(undefined).status, 2);
      assert.equal(run(bank.url, "--repair").status, 2);
      assert.equal(run("nonsense").status, 2);
      assert.equal(run("mysql://nobody:wrong@127.0.0.1:1/nothing").status, 3);
    });
  });
}

const quiet = (): LedgerObserver => ({
  broken: (checkId, first) => assert.fail(`${checkId} ${JSON.stringify(first)}`),
  checked() {},
  known() {},
  failed: (fault) => console.error(fault),
});

/** Some of all that customers do, many at one time. */
async function serveCustomers(
  bank: Bank,
  campaignId: Awaited<ReturnType<typeof runCampaign>>,
): Promise<void> {
  const till = tillOf(bank);
  const customer = async () => {
    const userId = await bank.member(100);
    await bank.send(redeemCampaign, { userId, campaignId });
    for (let round = 0; round < ROUNDS; round++) {
      const { reservationId } = await bank.reserve(userId, { quantity: 3 });
      await bank.send(commitQuota, { reservationId, actualAmount: 2n }, { userId });
      const fault = { reason: "TIMEOUT", failedStep: "", detail: "" } as const;
      if (round % 2 === 0)
        await bank.send(refundQuota, { target: { reservationId }, ...fault }, { userId });
      if (round % 4 !== 0) continue;
      const orderId = await till.bought(userId, { packId: "quota-pack-100" } as Parameters<
        typeof till.bought
      >[1]);
      const [row] = await bank.sql(`select amount_fen from orders where order_id = '${orderId}'`);
      const refundId = await till.refund(userId, orderId, BigInt(row!["amount_fen"] as string));
      await till.told(userId, refundId, round === 4 ? "CLOSED" : "SUCCESS");
    }
  };
  await Promise.all(Array.from({ length: CUSTOMERS }, customer));
}

async function metricsOf({ metricsUrl }: Telemetry): Promise<string> {
  return (await fetch(metricsUrl)).text();
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}
