/** Budgets and alerts over the wire. */
import assert from "node:assert/strict";
import type { MikroORM } from "@mikro-orm/mysql";
import { shanghaiDay } from "../../src/billing/calendar.ts";
import {
  Alert_State as State,
  AlertSeverity as Severity,
  AlertStep_Move as Move,
  Budget_Scope as Scope,
} from "../../src/gen/billing/report/v1/alert.ts";
import {
  AcknowledgeAlertRequest,
  ListAlertRulesRequest,
  ListAlertsRequest,
  ListBudgetsRequest,
  ReportServiceService as Reports,
  SetAlertRuleRequest,
  SetBudgetRequest,
  SilenceAlertsRequest,
} from "../../src/gen/billing/report/v1/report_service.ts";
import { createAlertChecks } from "../../src/store/alert-checks.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { unique } from "../support/bank.ts";
import { assertBadFields, assertRefused } from "../support/calls.ts";
import { flavours } from "../support/servers.ts";
import { startTestService, type TestService } from "../support/service.ts";

const finance = { as: "finance" };

for (const flavour of flavours()) {
  describe(`budgets and alerts over the wire on ${flavour}`, () => {
    let service: TestService;
    let orm: MikroORM;
    before(async () => {
      service = await startTestService(flavour);
      orm = await openOrm({ url: service.bank.url, poolMax: 2 });
    });
    after(async () => {
      await closeOrm(orm);
      await service.close();
    });

    const look = (queueSeconds: number, strandedSeconds = 0) =>
      createAlertChecks(orm, service.bank.context, { finish: async () => true }).check({
        nowMs: Date.now(),
        queue: { count: 1, oldestMs: queueSeconds * 1_000 },
        stranded: { count: 1, oldestMs: strandedSeconds * 1_000 },
      });
    const setBudget = (change: Parameters<typeof SetBudgetRequest.fromPartial>[0]) =>
      service.call(
        Reports.setBudget,
        SetBudgetRequest.fromPartial({ idempotencyKey: unique("key"), ...change }),
        finance,
      );
    const listAlerts = (filter: Partial<ListAlertsRequest> = {}) =>
      service.call(Reports.listAlerts, ListAlertsRequest.fromPartial(filter), { as: "auditor" });
    const acknowledge = (change: Partial<AcknowledgeAlertRequest>) =>
      service.call(
        Reports.acknowledgeAlert,
        AcknowledgeAlertRequest.fromPartial({ idempotencyKey: unique("key"), ...change }),
        { as: "operator" },
      );
    const silence = (change: Parameters<typeof SilenceAlertsRequest.fromPartial>[0]) =>
      service.call(
        Reports.silenceAlerts,
        SilenceAlertsRequest.fromPartial({ idempotencyKey: unique("key"), ...change }),
        { as: "operator" },
      );
    const rules = () =>
      service.call(Reports.listAlertRules, ListAlertRulesRequest.fromPartial({}), finance);

    it("a budget has versions, and is listed with what was spent in the month", async () => {
      const day = shanghaiDay(Date.now());
      await service.bank.sql(
        `insert into vendor_costs values ('${unique("cst_")}', 'b', 'acme', 's', null, 'video', null, null, null, '', 300,
          '${day}', now(3), null, now(3)), ('${unique("cst_")}', 'b', 'acme', 's', null, null, null, null, null, '', 7,
          '2025-02-28', now(3), null, now(3))`,
      );
      const vendor = { scope: Scope.VENDOR, subject: "acme" };
      const idempotencyKey = unique("key");
      const first = await setBudget({ ...vendor, amountMicroYuan: 1_000n, idempotencyKey });
      assert.deepEqual(first.budget?.thresholdsPerMille, [500, 800, 1_000]);
      const again = await setBudget({ ...vendor, amountMicroYuan: 1_000n, idempotencyKey });
      assert.deepEqual([again.replayed, again.budget], [true, first.budget]);
      await assertRefused(
        setBudget({ ...vendor, amountMicroYuan: 2n, idempotencyKey }),
        "IDEMPOTENCY_KEY_REUSED",
        { method: "SetBudget", field: "amount_micro_yuan" },
      );
      const preview = await setBudget({ ...vendor, amountMicroYuan: 9n, validateOnly: true });
      assert.equal(preview.budget?.version, 2);
      const all = { scope: Scope.ALL, amountMicroYuan: 5n, thresholdsPerMille: [100, 2_000] };
      // Two at once take two versions.
      await Promise.all([setBudget(all), setBudget(all)]);
      const list = async (change: Partial<ListBudgetsRequest>) =>
        service.call(Reports.listBudgets, ListBudgetsRequest.fromPartial(change), finance);
      const page = await list({ pageSize: 1 });
      assert.equal(page.month, day.slice(0, 7));
      const next = await list({ pageSize: 1, pageToken: page.nextPageToken });
      assert.equal(next.nextPageToken, "");
      const shown = [...page.budgets, ...next.budgets].map((each) => [
        each.scope,
        each.subject,
        each.version,
        each.spentMicroYuan,
        each.caller,
      ]);
      assert.deepEqual(shown, [
        [Scope.ALL, "", 2, 300n, "finance"],
        [Scope.VENDOR, "acme", 1, 300n, "finance"],
      ]);
      const past = await list({ month: "2025-02" });
      assert.deepEqual(
        past.budgets.map(({ spentMicroYuan }) => spentMicroYuan),
        [7n, 7n],
      );
    });

    it("a rule can be set within its bounds and switched off, and is as shipped again", async () => {
      const set = (change: Parameters<typeof SetAlertRuleRequest.fromPartial>[0]) =>
        service.call(
          Reports.setAlertRule,
          SetAlertRuleRequest.fromPartial({ idempotencyKey: unique("key"), ...change }),
          finance,
        );
      const shipped = (await rules()).rules;
      assert.equal(shipped.length, 13);
      assert.ok(
        shipped.every(({ version, enabled, caller }) => version === 0 && enabled && !caller),
      );
      const request = SetAlertRuleRequest.fromPartial({
        idempotencyKey: unique("key"),
        ruleId: "AL11",
      });
      request.parameters.set("age_seconds", 10n);
      const { rule } = await service.call(Reports.setAlertRule, request, finance);
      assert.equal(rule?.version, 1);
      const named = (await rules()).rules.find(({ ruleId }) => ruleId === "AL11");
      assert.deepEqual(
        named?.parameters.map(({ name, value, preset }) => [name, value, preset]),
        [["age_seconds", 10n, 300n]],
      );
      request.parameters.set("age_seconds", 0n).set("colour", 1n);
      await assertBadFields(
        service.call(Reports.setAlertRule, { ...request, idempotencyKey: unique("key") }, finance),
        "parameters.age_seconds",
        "parameters",
      );
      await set({ ruleId: "AL11", disabled: true });
      await look(4_000);
      assert.deepEqual((await listAlerts({ ruleId: "AL11" })).alerts, []);
      const { rule: back } = await set({ ruleId: "AL11" });
      assert.deepEqual([back?.version, back?.enabled, back?.parameters[0]?.value], [3, true, 300n]);
    });

    it("an alert is listed with its record, acknowledged once, and by one of many", async () => {
      await look(400, 700);
      const { alerts } = await listAlerts();
      assert.deepEqual(alerts.map(({ ruleId }) => ruleId).sort(), ["AL11", "AL12"]);
      const page = await listAlerts({ pageSize: 1 });
      const next = await listAlerts({ pageSize: 1, pageToken: page.nextPageToken });
      assert.deepEqual([...page.alerts, ...next.alerts], alerts);
      const critical = await listAlerts({ severity: Severity.CRITICAL, state: State.OPEN });
      const [alert] = critical.alerts;
      assert.deepEqual(
        [alert?.ruleId, alert?.subject, alert?.silenced],
        ["AL12", "sweeper", false],
      );
      const { alertId } = alert!;
      const preview = await acknowledge({ alertId, validateOnly: true });
      assert.equal(preview.alert?.state, State.ACKNOWLEDGED);
      const answers = await Promise.allSettled(
        Array.from({ length: 6 }, () => acknowledge({ alertId, note: "mine" })),
      );
      assert.equal(answers.filter(({ status }) => status === "fulfilled").length, 1);
      await assertRefused(acknowledge({ alertId }), "ALERT_STATE_INVALID", {
        alertId,
        state: "ACKNOWLEDGED",
      });
      await assertRefused(acknowledge({ alertId: "alt_none" }), "ALERT_NOT_FOUND", {
        alertId: "alt_none",
      });
      const [seen] = (await listAlerts({ subject: "sweeper" })).alerts;
      assert.deepEqual(
        seen?.record.map(({ move, actor, note }) => [move, actor, note]),
        [
          [Move.RAISED, "checker", ""],
          [Move.ACKNOWLEDGED, "operator", "mine"],
        ],
      );
    });

    it("a silence keeps an alert from being told, until it is ended", async () => {
      const key = { ruleId: "AL11", subject: "queue", reason: "the queue is moved" };
      await service.bank.sql("delete from alerts");
      const made = await silence({ ...key, duration: { seconds: 3_600n, nanos: 0 } });
      assert.deepEqual(
        (await rules()).silences.map(({ silenceId }) => silenceId),
        [made.silence?.silenceId],
      );
      assert.equal((await look(400))?.raised.length, 0);
      assert.equal((await listAlerts()).alerts[0]?.silenced, true);
      await silence({ ...key, duration: { seconds: 0n, nanos: 0 } });
      assert.deepEqual((await rules()).silences, []);
      assert.equal((await look(400))?.raised.length, 1);
      assert.equal((await listAlerts()).alerts[0]?.silenced, false);
    });

    it("every bad field is named", async () => {
      await assertBadFields(
        setBudget({ subject: "x", amountMicroYuan: -1n, thresholdsPerMille: [0, 0] }),
        "scope",
        "amount_micro_yuan",
        "thresholds_per_mille",
        "thresholds_per_mille",
      );
      await assertBadFields(setBudget({ scope: Scope.ALL, subject: "x" }), "subject");
      await assertBadFields(
        silence({ ruleId: "AL99", duration: { seconds: 5n, nanos: 0 } }),
        "duration",
        "rule_id",
        "reason",
      );
      await assertBadFields(
        listAlerts({ ruleId: "nonsense", pageSize: -1 }),
        "rule_id",
        "page_size",
      );
    });
  });
}
