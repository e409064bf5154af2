import assert from "node:assert/strict";
import { acknowledge } from "../../../src/billing/alert/acknowledge-alert.ts";
import type { Alert, Silence } from "../../../src/billing/alert/alert.ts";
import { CALM_MS, decideAlerts } from "../../../src/billing/alert/check-alerts.ts";
import type { RuleId } from "../../../src/billing/alert/rule.ts";
import type { Seen } from "../../../src/billing/alert/rules.ts";
import { DAY_MS, MINUTE_MS } from "../../../src/billing/clock.ts";

const START_MS = Date.UTC(2026, 10, 23, 15);

const queue: Seen = {
  ruleId: "AL11",
  subject: "queue",
  period: null,
  severity: "WARNING",
  unit: "SECONDS",
  observed: 400n,
  limit: 300n,
};
const user: Seen = { ...queue, ruleId: "AL02", subject: "user:alice", period: "2026-11-23" };

/** What a series of looks comes to, as the books would keep it. */
function desk(silences: Silence[] = []) {
  let alerts: Alert[] = [];
  let number = 0;
  const look = (nowMs: number, seen: Seen[], judged: RuleId[] = ["AL02", "AL11"]) => {
    const verdict = { seen, judged: new Set(judged) };
    const changes = decideAlerts(
      { nowMs, alerts, silences },
      verdict,
      () => `alt_${(number += 1)}`,
    );
    const changed = new Map(changes.changed.map((alert) => [alert.alertId, alert]));
    alerts = [...alerts.map((alert) => changed.get(alert.alertId) ?? alert), ...changes.added];
    return {
      raised: changes.raised.map(({ ruleId }) => ruleId as string),
      resolved: changes.resolved.map(({ ruleId }) => ruleId as string),
      moves: changes.steps.map(({ move }) => move as string),
    };
  };
  return {
    look,
    alerts: () => alerts,
    acknowledge(nowMs: number) {
      alerts = alerts.map(
        (alert) => acknowledge(alert, { alertId: alert.alertId, note: "" }, "op", nowMs).alert,
      );
    },
  };
}

const silence = (change: Partial<Silence> = {}): Silence => ({
  silenceId: "sil_1",
  ruleId: "AL11",
  subject: "",
  untilTimeMs: START_MS + 60 * MINUTE_MS,
  reason: "maintenance",
  caller: "op",
  createTimeMs: START_MS,
  ...change,
});

describe("alerts", () => {
  it("are raised once for a rule, a subject and a period, however often it is seen", () => {
    const { look, alerts } = desk();
    assert.deepEqual(look(START_MS, [user, queue]).raised, ["AL02", "AL11"]);
    for (let at = 1; at < 9; at++) {
      const { raised, moves } = look(START_MS + at * MINUTE_MS, [user, queue]);
      assert.deepEqual([raised, moves], [[], []]);
    }
    const tomorrow = { ...user, period: "2026-11-24" };
    assert.deepEqual(look(START_MS + 10 * MINUTE_MS, [tomorrow, queue]).raised, ["AL02"]);
    assert.equal(alerts().length, 3);
  });

  it("about what lasts go on over midnight as the same alert", () => {
    const { look, alerts } = desk();
    look(START_MS, [queue]);
    assert.deepEqual(look(START_MS + DAY_MS, [queue]).raised, []);
    assert.equal(alerts().length, 1);
  });

  it("are over only after a quarter of an hour of calm, and only when their rule has judged", () => {
    const { look, alerts } = desk();
    look(START_MS, [queue]);
    assert.deepEqual(look(START_MS + CALM_MS - 1, []).resolved, []);
    assert.deepEqual(look(START_MS + CALM_MS, [], ["AL02"]).resolved, []);
    assert.deepEqual(look(START_MS + CALM_MS, []).resolved, ["AL11"]);
    assert.equal(alerts()[0]!.state, "RESOLVED");
    const back = look(START_MS + 2 * CALM_MS, [queue]);
    assert.deepEqual([back.raised, back.moves], [["AL11"], ["REOPENED"]]);
    assert.equal(alerts().length, 1);
    look(START_MS + 4 * CALM_MS, []);
    // On another day it is another alert.
    assert.deepEqual(look(START_MS + DAY_MS, [queue]).moves, ["RAISED"]);
  });

  it("that are acknowledged stay quiet until they become critical", () => {
    const { look, alerts, acknowledge: says } = desk();
    look(START_MS, [queue]);
    says(START_MS + 1);
    assert.deepEqual(look(START_MS + 2, [queue]).raised, []);
    assert.equal(alerts()[0]!.state, "ACKNOWLEDGED");
    const worse = look(START_MS + 3, [{ ...queue, severity: "CRITICAL" }]);
    assert.deepEqual([worse.raised, worse.moves], [["AL11"], ["ESCALATED"]]);
    assert.deepEqual([alerts()[0]!.state, alerts()[0]!.severity], ["OPEN", "CRITICAL"]);
    // Less grave again: nothing new.
    assert.deepEqual(look(START_MS + 4, [queue]).moves, []);
    const numbers = alerts().map(({ steps }) => steps);
    assert.deepEqual(numbers, [3]);
  });

  it("that are silenced are kept and told of to nobody, until the silence is over", () => {
    for (const quiet of [silence(), silence({ subject: "queue" })]) {
      const { look, alerts } = desk([quiet]);
      const first = look(START_MS, [queue]);
      assert.deepEqual([first.raised, first.moves], [[], ["RAISED"]]);
      assert.equal(alerts()[0]!.told, false);
      assert.deepEqual(look(quiet.untilTimeMs - 1, [queue]).raised, []);
      assert.deepEqual(look(quiet.untilTimeMs, [queue]).raised, ["AL11"]);
      assert.deepEqual(look(quiet.untilTimeMs + 1, [queue]).raised, []);
    }
    const other = desk([
      silence({ subject: "elsewhere" }),
      silence({ ruleId: "AL02", subject: "x" }),
    ]);
    assert.deepEqual(other.look(START_MS, [queue]).raised, ["AL11"]);
    const unheard = desk([silence()]);
    unheard.look(START_MS, [queue]);
    // Nobody was told that it was there, so nobody is told that it is over.
    assert.deepEqual(unheard.look(START_MS + CALM_MS, []), {
      raised: [],
      resolved: [],
      moves: ["RESOLVED"],
    });
  });

  it("can be acknowledged once, while they are open", () => {
    const { look, alerts } = desk();
    look(START_MS, [queue]);
    const [alert] = alerts();
    const said = acknowledge(alert, { alertId: "alt_1", note: "I look" }, "op", START_MS);
    assert.deepEqual(
      [said.alert.state, said.step.sequence, said.step.actor, said.step.note],
      ["ACKNOWLEDGED", 2, "op", "I look"],
    );
    const again = () => acknowledge(said.alert, { alertId: "alt_1", note: "" }, "op", START_MS);
    assert.throws(again, { reason: "ALERT_STATE_INVALID" });
    const none = () => acknowledge(undefined, { alertId: "alt_9", note: "" }, "op", START_MS);
    assert.throws(none, { reason: "ALERT_NOT_FOUND" });
  });
});
