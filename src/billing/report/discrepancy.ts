/**
 * A difference between one of the provider's bills and the books, and what people do about it. Whether it stands
 * is the bill's check to say; who looks into it, and why it is settled, is people's. No money moves by either.
 */
import type { FindingKind } from "../order/bill.ts";
import { Refusal } from "../refusal.ts";

/** Whose bill was compared. */
export type ReconciliationSource = "WECHAT_TRADE" | "WECHAT_FUND_FLOW" | "VENDOR";

export type DiscrepancyState =
  /** Nobody looks into it. */
  | "OPEN"
  | "ASSIGNED"
  /** A person has said why nothing is left to be done. */
  | "RESOLVED"
  /** The last comparison no longer found it, or another bill of that day has come. */
  | "CLEARED";

export type StepKind = "ASSIGNED" | "RESOLVED" | "REOPENED";

/** Something that was done about it. Written once. */
export interface DiscrepancyStep {
  /** Counts the discrepancy's steps from 1. */
  readonly sequence: number;
  readonly kind: StepKind;
  /** Who looks into it from here on; null when nobody does. */
  readonly assignee: string | null;
  readonly note: string;
  readonly actor: string;
  readonly createTimeMs: number;
}

export interface Discrepancy {
  readonly discrepancyId: string;
  readonly source: ReconciliationSource;
  readonly billId: string;
  /** YYYY-MM-DD; a vendor's has YYYY-MM. */
  readonly billDate: string;
  readonly kind: FindingKind;
  readonly state: DiscrepancyState;
  /** Empty where the bill is a vendor's, or tells of none. */
  readonly orderId: string;
  /** Null for a payment. */
  readonly refundId: string | null;
  /** Both null unless the bill is a vendor's. */
  readonly vendor: string | null;
  readonly service: string | null;
  /** Null where it isn't in the books, and in those of vendors' bills. */
  readonly amountHereFen: bigint | null;
  /** Null where it isn't in the bill, and in those of vendors' bills. */
  readonly amountThereFen: bigint | null;
  /** The same for vendors' bills. */
  readonly amountHereMicroYuan: bigint | null;
  readonly amountThereMicroYuan: bigint | null;
  /** In the bill's file; null where it isn't in there. */
  readonly line: number | null;
  /** What the check noted. */
  readonly note: string;
  readonly assignee: string | null;
  readonly steps: readonly DiscrepancyStep[];
  readonly createTimeMs: number;
  /** When a comparison no longer found it; null while it stands. */
  readonly clearTimeMs: number | null;
}

/** What a command does to a discrepancy. */
export interface DiscrepancyMove {
  readonly kind: StepKind;
  readonly state: Exclude<DiscrepancyState, "CLEARED">;
  readonly assignee: string | null;
  readonly note: string;
}

export interface NamesDiscrepancy {
  readonly discrepancyId: string;
}

/** One way of working on a discrepancy. */
export interface DiscrepancyUseCase<Input extends NamesDiscrepancy> {
  /** The RPC's name; idempotency keys are unique within it. */
  readonly method: string;
  /** What must be equal when a key is sent again: always the same fields in the same order. */
  content(input: Input): Readonly<Record<string, string>>;
  /** @throws Refusal when it may not happen */
  decide(discrepancy: Discrepancy, input: Input): DiscrepancyMove;
}

export interface AssignDiscrepancy extends NamesDiscrepancy {
  readonly assignee: string;
  readonly note: string;
}

/** Somebody looks into it, or somebody else does. */
export const assignDiscrepancy: DiscrepancyUseCase<AssignDiscrepancy> = {
  method: "AssignDiscrepancy",
  content: ({ discrepancyId, assignee, note }) => ({
    discrepancy_id: discrepancyId,
    assignee,
    note,
  }),
  decide(discrepancy, { assignee, note }) {
    mustBe(discrepancy, "OPEN", "ASSIGNED");
    return { kind: "ASSIGNED", state: "ASSIGNED", assignee, note };
  },
};

export interface SettleDiscrepancy extends NamesDiscrepancy {
  readonly reason: string;
}

const contentOf = ({ discrepancyId, reason }: SettleDiscrepancy) => ({
  discrepancy_id: discrepancyId,
  reason,
});

/** Nothing is left to be done. What has cleared by itself needs nobody to say so. */
export const resolveDiscrepancy: DiscrepancyUseCase<SettleDiscrepancy> = {
  method: "ResolveDiscrepancy",
  content: contentOf,
  decide(discrepancy, { reason }) {
    mustBe(discrepancy, "OPEN", "ASSIGNED");
    const { assignee } = discrepancy;
    return { kind: "RESOLVED", state: "RESOLVED", assignee, note: reason };
  },
};

/** It was settled too early. Whoever looked into it before is not asked to again. */
export const reopenDiscrepancy: DiscrepancyUseCase<SettleDiscrepancy> = {
  method: "ReopenDiscrepancy",
  content: contentOf,
  decide(discrepancy, { reason }) {
    mustBe(discrepancy, "RESOLVED");
    return { kind: "REOPENED", state: "OPEN", assignee: null, note: reason };
  },
};

/** @throws Refusal DISCREPANCY_STATE_INVALID */
function mustBe(
  { discrepancyId, state }: Discrepancy,
  ...states: readonly DiscrepancyState[]
): void {
  if (states.includes(state)) return;
  const message = `the discrepancy is ${state}, not ${states.join(" or ")}`;
  throw new Refusal("DISCREPANCY_STATE_INVALID", message, { discrepancyId, state });
}

export function discrepancyNotFound(discrepancyId: string): Refusal {
  return new Refusal("DISCREPANCY_NOT_FOUND", "there is no such discrepancy", { discrepancyId });
}

/** It as it is after the move. */
export function moved(
  discrepancy: Discrepancy,
  { kind, state, assignee, note }: DiscrepancyMove,
  actor: string,
  createTimeMs: number,
): Discrepancy {
  const sequence = discrepancy.steps.length + 1;
  const step = { sequence, kind, assignee, note, actor, createTimeMs };
  return { ...discrepancy, state, assignee, steps: [...discrepancy.steps, step] };
}
