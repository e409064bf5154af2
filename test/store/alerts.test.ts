/** Looks at the rules of alerts on a real database: what they find out, and what they write. */
import assert from "node:assert/strict";
import type { MikroORM } from "@mikro-orm/mysql";
import { openAlerts } from "../../src/alerts.ts";
import type { AlertFacts } from "../../src/billing/alert/facts.ts";
import { shanghaiDay } from "../../src/billing/calendar.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../src/billing/clock.ts";
import { createIdSource } from "../../src/billing/id.ts";
import { refundQuota } from "../../src/billing/quota/refund-quota.ts";
import { commitQuota } from "../../src/billing/quota/commit-quota.ts";
import { createAlertBooks } from "../../src/store/alert-books.ts";
import { createAlertChecks, type AlertChecks } from "../../src/store/alert-checks.ts";
import { createAlertFacts } from "../../src/store/alert-facts.ts";
import { createJobTurns } from "../../src/store/job-turns.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { openBank, PLAIN_FEATURE, unique, type Bank } from "../support/bank.ts";
import { flavours } from "../support/servers.ts";

const QUIET = {
  refusals: () => ({ part: 0n, whole: 0n }),
  expiries: () => [],
};
const ITS_TURN = { finish: async () => true };

for (const flavour of flavours()) {
  describe(`looks at the rules of alerts on ${flavour}`, () => {
    let bank: Bank;
    let orm: MikroORM;
    let checks: AlertChecks;
    before(async () => {
      bank = await openBank(flavour);
      orm = await openOrm({ url: bank.url, poolMax: 4 });
      checks = createAlertChecks(orm, bank.context, ITS_TURN);
    });
    after(async () => {
      await closeOrm(orm);
      await bank.close();
    });

    const gather = () => createAlertFacts(orm, bank.context, QUIET).gather();
    const nowMs = async () => (await gather()).nowMs;
    const cost = (
      vendor: string,
      day: string,
      amount: number,
      more: Record<string, string> = {},
    ) => {
      const { user_id: user = "null", feature_id: feature = "null" } = more;
      return bank.sql(
        `insert into vendor_costs values ('${unique("cst_")}', 'b', '${vendor}', 's', ${user}, ${feature}, null, null,
          null, '', ${amount}, '${day}', now(3), null, now(3))`,
      );
    };
    const queueLag = (seconds: number, at: number): AlertFacts => ({
      nowMs: at,
      queue: { count: 1, oldestMs: seconds * 1_000 },
    });
    const events = (type: string) =>
      bank.sql(
        `select subject, payload from outbox_events where type = '${type}' order by event_id`,
      );
    const alerts = () => bank.sql("select * from alerts order by alert_id");
    const wipe = () => bank.sql("delete from alerts");

    it("count what was reserved and committed today, and not what was refunded or expired", async () => {
      const userId = await bank.member(100);
      const quantities = [5, 7, 11, 13];
      const held = [];
      for (const quantity of quantities) held.push(await bank.reserve(userId, { quantity }));
      const [, committed, partly, refunded] = held;
      const settle = { userId };
      const whole = { reservationId: committed!.reservationId, actualAmount: null };
      await bank.send(commitQuota, whole, settle);
      const part = { reservationId: partly!.reservationId, actualAmount: 4n };
      await bank.send(commitQuota, part, settle);
      const fault = { reason: "STEP_FAILED" as const, failedStep: "render", detail: "" };
      const target = { reservationId: refunded!.reservationId };
      await bank.send(refundQuota, { target, ...fault }, settle);
      const facts = await gather();
      assert.deepEqual(
        facts.users?.filter((user) => user.userId === userId),
        [{ userId, amount: 16n, history: [] }],
      );
      assert.deepEqual(facts.peers, [{ value: 16n, count: 1 }]);
      assert.deepEqual(facts.features, [{ featureId: PLAIN_FEATURE, amount: 16n, history: [] }]);
      assert.deepEqual(facts.quotaRefunds, [{ featureId: PLAIN_FEATURE, part: 1n, whole: 4n }]);
    });

    it("compare users and features with the days before, from the first on, with none left out", async () => {
      const ids = createIdSource(Math.random);
      const startMs = Date.parse(`${shanghaiDay(await nowMs())}T00:00:00+08:00`);
      // Three days ago in its last millisecond, and yesterday in its first; nothing on the day between.
      const moments = [startMs - 2 * DAY_MS - 1, startMs - DAY_MS, startMs + 1];
      for (const [at, ms] of moments.entries()) {
        const time = new Date(ms).toISOString().slice(0, 23).replace("T", " ");
        await bank.sql(
          `insert into quota_reservations select '${ids.next("rsv", ms)}', 'old-hand', 'old_feature', 1, 't', 1, 1, ${10 ** at},
            ${10 ** at}, 0, 'COMMITTED', 1, 0, '[]', '{}', 1, '{}', '${time}', '${time}', '${time}', null, null, '', ''`,
        );
      }
      const { users, features } = await gather();
      const user = users?.find(({ userId }) => userId === "old-hand");
      assert.deepEqual(user, { userId: "old-hand", amount: 100n, history: [1n, 0n, 10n] });
      const feature = features?.find(({ featureId }) => featureId === "old_feature");
      assert.deepEqual(feature, { featureId: "old_feature", amount: 100n, history: [1n, 0n, 10n] });
    });

    it("add costs up by vendor and day, and for budgets over the month", async () => {
      const now = await nowMs();
      const [today, yesterday] = [shanghaiDay(now), shanghaiDay(now - DAY_MS)];
      const month = today.slice(0, 7);
      await cost("vendor-a", today, 70, { user_id: "'alice'", feature_id: "'video'" });
      await cost("vendor-a", today, -20);
      await cost("vendor-a", yesterday, 30, { feature_id: "'video'" });
      await cost("vendor-b", `${month}-01`, 1_000);
      const books = createAlertBooks(orm, bank.context);
      const caller = { name: "finance" };
      const set = (
        scope: "ALL" | "VENDOR" | "FEATURE",
        subject: string,
        amountMicroYuan: bigint,
      ) => {
        const input = { scope, subject, amountMicroYuan, thresholdsPerMille: [1_000] };
        const idempotencyKey = unique("key");
        return books.setBudget({ idempotencyKey, input, caller, validateOnly: false });
      };
      await set("VENDOR", "vendor-a", 1n);
      await set("VENDOR", "vendor-a", 500n);
      await set("FEATURE", "video", 500n);
      await set("ALL", "", 500n);
      await set("VENDOR", "vendor-b", 5n);
      await set("VENDOR", "vendor-b", 0n);
      const { vendors, budgets, earnings } = await gather();
      const found = vendors?.filter(({ vendor }) => vendor === "vendor-a");
      assert.deepEqual(found, [
        { vendor: "vendor-a", day: today, amount: 50n, history: [30n] },
        { vendor: "vendor-a", day: yesterday, amount: 30n, history: [] },
      ]);
      const isFirst = today.endsWith("-01");
      const spent = new Map(budgets?.map((budget) => [budget.scope, budget]));
      assert.equal(budgets?.length, 3);
      assert.deepEqual(
        [spent.get("VENDOR")?.spentMicroYuan, spent.get("VENDOR")?.version],
        [isFirst ? 50n : 80n, 2],
      );
      assert.equal(spent.get("FEATURE")?.spentMicroYuan, isFirst ? 70n : 100n);
      assert.equal(spent.get("ALL")?.spentMicroYuan, isFirst ? 1_050n : 1_080n);
      assert.deepEqual(earnings, [{ userId: "alice", revenueFen: 0n, costMicroYuan: 70n }]);
    });

    it("ask anew when a month begins, so that no loss of the old one is told as one of the new", async () => {
      const source = createAlertFacts(orm, bank.context, QUIET);
      assert.equal((await source.gather()).earnings?.length, 1);
      bank.advance(31 * DAY_MS);
      const { earnings, budgets } = await source.gather();
      bank.advance(-31 * DAY_MS);
      assert.deepEqual(earnings, []);
      assert.deepEqual(
        budgets?.map(({ spentMicroYuan }) => spentMicroYuan),
        [0n, 0n, 0n],
      );
    });

    it("find what waits: holds, callbacks, events, deliveries and findings", async () => {
      const before = await gather();
      assert.deepEqual(before.stranded, { count: 0, oldestMs: 0 });
      assert.deepEqual(before.findings, { count: 0, oldestMs: 0 });
      const ids = createIdSource(Math.random);
      const now = before.nowMs;
      const hourAgo = "timestampadd(hour, -1, now(3))";
      await bank.sql(
        `insert into quota_reservations select '${ids.next("rsv", now - HOUR_MS)}', 'u', 'f', 1, 't', 1, 1, 1, 0, 0, 'HELD', 1, 0,
          '[]', '{}', 1, '{}', ${hourAgo}, ${hourAgo}, null, null, null, '', ''`,
      );
      await bank.sql(
        `insert into payment_inbox values ('${ids.next("ntc", now - HOUR_MS)}', '${unique("x")}', 'payment', 's', '', 'ORPHANED',
          '', 1, ${hourAgo}, null, null)`,
      );
      await bank.sql(
        `insert into webhook_deliveries values ('${unique("evt")}', 'e', 'PENDING', 0, 0, ${hourAgo}, null, null, null, null,
          ${hourAgo}, null)`,
      );
      await bank.sql(
        `insert into bill_findings (finding_id, bill_id, kind, order_id, subject, note, create_time) values
          ('${unique("fnd")}', 'b', 'MISSING_HERE', 'o', 's', '', ${hourAgo}),
          ('${unique("fnd")}', 'b', 'MISSING_THERE', 'o', 's', '', ${hourAgo})`,
      );
      await bank.sql("update bill_findings set state = 'RESOLVED' where kind = 'MISSING_THERE'");
      const facts = await gather();
      for (const name of ["stranded", "callbacks", "queue", "findings"] as const) {
        const { count, oldestMs } = facts[name]!;
        assert.equal(count, 1, name);
        assert.ok(oldestMs >= HOUR_MS && oldestMs < HOUR_MS + 5 * MINUTE_MS, `${name} ${oldestMs}`);
      }
      await bank.sql("delete from webhook_deliveries");
      await bank.sql("delete from bill_findings");
    });

    it("raise an alert once, with its event, however many look at once", async () => {
      await wipe();
      const now = await nowMs();
      await Promise.all(
        Array.from({ length: 5 }, () => checks.check(queueLag(400, now)).catch(() => undefined)),
      );
      await checks.check(queueLag(500, now));
      const [alert, ...others] = await alerts();
      assert.deepEqual(others, []);
      assert.deepEqual(
        [alert!["rule_id"], alert!["subject"], alert!["state"], Number(alert!["observed"])],
        ["AL11", "queue", "OPEN", 500],
      );
      const raised = (await events("alert.raised")).filter(
        ({ subject }) => subject === alert!["alert_id"],
      );
      assert.equal(raised.length, 1);
      const payload = JSON.parse(raised[0]!["payload"] as string) as Record<string, string>;
      assert.deepEqual(
        [payload["rule_id"], payload["observed"], payload["limit"], payload["unit"]],
        ["AL11", "400", "300", "SECONDS"],
      );
      assert.deepEqual(await checks.open(), { WARNING: 1, CRITICAL: 0 });
    });

    it("end it after a quarter of an hour of calm, and raise it again when it comes back", async () => {
      const calm = { nowMs: 0, queue: { count: 0, oldestMs: 0 } };
      assert.equal((await checks.check(calm))?.resolved.length, 0);
      await bank.sql("update alerts set seen_time = timestampadd(minute, -16, seen_time)");
      assert.equal((await checks.check(calm))?.resolved.length, 1);
      assert.equal((await events("alert.resolved")).length, 1);
      assert.equal((await checks.check(queueLag(400, 0)))?.raised.length, 1);
      const steps = await bank.sql(
        "select move, actor from alert_steps order by alert_id, sequence",
      );
      const moves = steps.slice(-3).map(({ move, actor }) => [move, actor]);
      assert.deepEqual(moves, [
        ["RAISED", "checker"],
        ["RESOLVED", "checker"],
        ["REOPENED", "checker"],
      ]);
      assert.equal((await alerts()).length, 1);
    });

    it("write nothing when the turn has become another's meanwhile", async () => {
      await wipe();
      const late = createAlertChecks(orm, bank.context, { finish: async () => false });
      assert.equal(await late.check(queueLag(400, 0)), undefined);
      assert.deepEqual(await alerts(), []);
    });

    it("are done by one of two servers at a time, as often as is set", async () => {
      await wipe();
      const options = { database: { url: bank.url }, context: bank.context, local: QUIET };
      const looked = [0, 0];
      const opened: number[] = [];
      const faults: unknown[] = [];
      const servers = await Promise.all(
        [0, 1].map((at) =>
          openAlerts({
            ...options,
            intervalMs: 200,
            leaseMs: MINUTE_MS,
            observer: {
              looked: () => void (looked[at]! += 1),
              known: ({ CRITICAL }) => void opened.push(CRITICAL),
              failed: (fault) => void faults.push(fault),
            },
          }),
        ),
      );
      while (faults.length === 0 && (looked[0]! + looked[1]! < 3 || !opened.some((n) => n > 1))) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await Promise.all(servers.map((server) => server.close()));
      assert.deepEqual(faults, []);
      // The stranded hold and the callback of before.
      const found = await bank.sql("select rule_id, steps from alerts order by rule_id");
      const seen = found.map((row) => [row["rule_id"], Number(row["steps"])]);
      assert.deepEqual(
        seen.filter(([ruleId]) => ruleId === "AL09" || ruleId === "AL12"),
        [
          ["AL09", 1],
          ["AL12", 1],
        ],
      );
      const turns = createJobTurns(orm, { job: "alert-check", owner: "test", leaseMs: 1_000 });
      assert.equal(await turns.take(0), true);
    });
  });
}
