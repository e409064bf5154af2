/** docs/queue.md tells receivers every event that there is, with the names in its data. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { EVENT_TYPE } from "../../src/billing/event.ts";
import { EVENTS } from "../../src/billing/event-types.ts";
import { readDocument, ROOT } from "../support/documents.ts";

const { prose } = readDocument("docs/queue.md");
/** Rows of the table: the type, when, the subject, the names. */
const rows = [...prose.matchAll(/^\| `([a-z]+\.[a-z]+)` \| (.+) \| (.+) \| (.+) \|$/gm)];

describe("the events in docs/queue.md", () => {
  it("are exactly those of the code, in its order, with the names in their data", () => {
    const told = rows.map(([, type, , , names]) => [type, names!.split(", ").map((name) => name.slice(1, -1))]);
    assert.deepEqual(told, Object.entries(EVENTS).map(([type, names]) => [type, [...names]]));
  });

  it("have types that the outbox takes, and names in snake_case", () => {
    for (const [type, names] of Object.entries(EVENTS)) {
      assert.match(type, EVENT_TYPE);
      for (const name of names) assert.match(name, /^[a-z]+(_[a-z]+)*$/);
    }
  });

  it("are told by somebody, each of them", () => {
    const files = ["change-membership.ts", "lapse-membership.ts", "redeem-campaign.ts"].map(
      (name) => `membership/${name}`,
    );
    const orders = ["settle-refund.ts", "place-order.ts", "note-obstacle.ts", "mark-closed.ts"];
    const more = ["request-refund.ts", "settle-payment.ts"].concat(orders).map((name) => `order/${name}`);
    const code = [...files, ...more].map((name) => readFileSync(join(ROOT, "src/billing", name), "utf8"));
    const bills = readFileSync(join(ROOT, "src/store/findings.ts"), "utf8");
    const ledger = readFileSync(join(ROOT, "src/store/ledger-check-records.ts"), "utf8");
    const alerts = readFileSync(join(ROOT, "src/store/alert-checks.ts"), "utf8");
    const weeks = readFileSync(join(ROOT, "src/store/weekly-health.ts"), "utf8");
    const text = [...code, bills, ledger, alerts, weeks].join("\n");
    for (const type of Object.keys(EVENTS)) assert.ok(text.includes(`"${type}"`), type);
  });
});
