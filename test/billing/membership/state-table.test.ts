import assert from "node:assert/strict";
import type { UserId } from "../../../src/billing/id.ts";
import { changeMembership, EVENT_OF } from "../../../src/billing/membership/change-membership.ts";
import {
  cellOf,
  partsOf,
  recordedStanding,
  standingOf,
  STANDINGS,
  TRIGGERS,
  type Cell,
  type Trigger,
} from "../../../src/billing/membership/state-table.ts";
import type { User } from "../../../src/billing/membership/user.ts";
import { Refusal } from "../../../src/billing/refusal.ts";
import { readDocument } from "../../support/documents.ts";

/** What the table must say, in words of its own: one line a trigger, one word a standing. */
const EXPECTED: Readonly<Record<Trigger, string>> = {
  REGISTER: "REGISTERED>TRIAL already already already already already already",
  USE: "unknown ok ok lapsed suspended suspended suspended+lapsed",
  ORDER: "unknown ok ok ok suspended suspended suspended",
  PAY_PLAN:
    "never ACTIVATED>ACTIVE RENEWED>ACTIVE ACTIVATED>ACTIVE " +
    "ACTIVATED>ACTIVE.SUSPENDED RENEWED>ACTIVE.SUSPENDED ACTIVATED>ACTIVE.SUSPENDED",
  LAPSE:
    "never LAPSED>LAPSED LAPSED>LAPSED ok LAPSED>LAPSED.SUSPENDED LAPSED>LAPSED.SUSPENDED ok",
  REFUND_PART: "never never SHORTENED>ACTIVE never never SHORTENED>ACTIVE.SUSPENDED never",
  REFUND_REST: "never never ENDED>LAPSED never never ENDED>LAPSED.SUSPENDED never",
  REFUND_CLOSED:
    "never never RESTORED>ACTIVE RESTORED>ACTIVE never RESTORED>ACTIVE.SUSPENDED RESTORED>ACTIVE.SUSPENDED",
  SUSPEND:
    "unknown SUSPENDED>TRIAL.SUSPENDED SUSPENDED>ACTIVE.SUSPENDED SUSPENDED>LAPSED.SUSPENDED ok ok ok",
  RESUME: "unknown ok ok ok RESUMED>TRIAL RESUMED>ACTIVE RESUMED>LAPSED",
  REDEEM: "unknown ok ok ok suspended suspended suspended",
};

const SHORT: Readonly<Record<string, string>> = {
  USER_NOT_FOUND: "unknown",
  USER_SUSPENDED: "suspended",
  USER_ALREADY_REGISTERED: "already",
  MEMBERSHIP_REQUIRED: "lapsed",
};

function wordOf(cell: Cell): string {
  switch (cell.kind) {
    case "moves":
      return `${cell.event}>${cell.to}`;
    case "stays":
      return "ok";
    case "refused":
      return cell.reasons.map((reason) => SHORT[reason]).join("+");
    case "never":
      return "never";
    default:
      return cell satisfies never;
  }
}

const NOW = 1_000;
const triggers = Object.keys(TRIGGERS) as Trigger[];

/** A user in that standing. */
function userIn(standing: (typeof STANDINGS)[number]): User {
  const parts = partsOf(standing);
  const isNone = parts.membershipState === "NONE";
  const untilMs = parts.membershipState === "LAPSED" ? NOW : NOW + 1;
  return {
    userId: "alice" as UserId,
    ...parts,
    suspendReason: "",
    planId: null,
    onTrial: parts.membershipState === "TRIAL",
    membershipStartMs: isNone ? null : 0,
    membershipUntilMs: isNone ? null : untilMs,
    membershipAnchorMs: null,
    membershipAnchorMonths: 0,
    membershipSteps: 7,
    expiryTold: true,
    available: 0n,
    held: 0n,
    logSequence: 0n,
    createTimeMs: 0,
  };
}

const counterOf = (user: User) => ({ nowMs: NOW, caller: { name: "test" }, account: { user } });

describe("the state table of memberships", () => {
  for (const trigger of triggers) {
    const words = EXPECTED[trigger].split(" ");
    for (const [at, standing] of STANDINGS.entries()) {
      it(`${standing} + ${trigger}: ${words[at]}`, () => {
        const cell = cellOf(standing, trigger);
        assert.equal(wordOf(cell), words[at]);
        const user = userIn(standing);
        assert.equal(standingOf(user, NOW), standing);
        assert.equal(recordedStanding(user), standing);
        const change = () =>
          changeMembership(counterOf(user), trigger, { membershipUntilMs: 5_000 }, { source: "CALL" });
        if (cell.kind === "never") return assert.throws(change, /can't come/);
        if (cell.kind === "stays") return assert.deepEqual(change(), {});
        if (cell.kind === "refused") {
          return assert.throws(change, (fault) => {
            assert.ok(fault instanceof Refusal);
            assert.deepEqual([fault.reason, fault.facts], [cell.reasons[0], { userId: "alice" }]);
            return true;
          });
        }
        const { user: changed, membershipSteps: [step] = [], events: [event] = [] } = change();
        assert.deepEqual(changed, {
          ...partsOf(cell.to),
          membershipUntilMs: 5_000,
          membershipSteps: 8,
          expiryTold: false,
        });
        assert.deepEqual([step!.event, step!.sequence], [cell.event, 8]);
        assert.equal(step!.fromState, user.membershipState);
        assert.equal(step!.toState, partsOf(cell.to).membershipState);
        assert.deepEqual([step!.endBeforeMs, step!.endAfterMs], [user.membershipUntilMs, 5_000]);
        assert.deepEqual([event!.type, event!.payload["cause"]], [EVENT_OF[cell.event], cell.event]);
        return undefined;
      });
    }
  }

  it("reaches every standing but NONE, and leaves none for good but NONE", () => {
    const cells = triggers.flatMap((trigger) =>
      STANDINGS.map((standing) => [standing, cellOf(standing, trigger)] as const),
    );
    const moves = cells.flatMap(([from, cell]) => (cell.kind === "moves" ? [[from, cell.to] as const] : []));
    const reached = new Set<string>(moves.map(([, standing]) => standing));
    assert.deepEqual([...reached].sort(), STANDINGS.filter((standing) => standing !== "NONE").sort());
    const left = new Set<string>(moves.filter(([from, next]) => from !== next).map(([from]) => from));
    assert.equal(left.size, STANDINGS.length);
  });

  it("stands in docs/membership.md as it is", () => {
    const { prose } = readDocument("docs/membership.md");
    for (const line of rendered()) assert.ok(prose.includes(line), `docs/membership.md lacks: ${line}`);
  });
});

/** The table as the document shows it. */
function rendered(): string[] {
  const head = `| | ${STANDINGS.join(" | ")} |`;
  const rows = triggers.map((trigger) => {
    const cells = STANDINGS.map((standing) => shown(cellOf(standing, trigger)));
    return `| \`${trigger}\` ${TRIGGERS[trigger]} | ${cells.join(" | ")} |`;
  });
  return [head, ...rows];
}

function shown(cell: Cell): string {
  if (cell.kind === "moves") return `${cell.event} → ${cell.to}`;
  if (cell.kind === "refused") return cell.reasons.map((reason) => `\`${reason}\``).join(", ");
  return cell.kind === "stays" ? "stays" : "—";
}
