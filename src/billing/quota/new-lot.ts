/** A new lot: the one way in which quota comes into being. */
import type { GrantId } from "../id.ts";
import type { Desk } from "./desk.ts";
import type { SourceTerms } from "./grant-source.ts";
import type { Lot } from "./lot.ts";
import { NO_EFFECTS, type Effects } from "./posting.ts";

/** A lot with a source's terms, effective at once, and the entry that fills it. */
export function newLot(desk: Desk, terms: SourceTerms): Effects {
  const lot: Lot = {
    grantId: desk.newId("grt") as GrantId,
    userId: terms.userId,
    amount: terms.amount,
    remaining: 0n,
    priority: terms.priority,
    effectiveTimeMs: desk.nowMs,
    expireTimeMs: terms.validMs === null ? null : desk.nowMs + terms.validMs,
    sourceKind: terms.kind,
    sourceId: terms.id,
    state: "OPEN",
    createTimeMs: desk.nowMs,
  };
  const entry = {
    type: "GRANT",
    grantId: lot.grantId,
    reservationId: null,
    available: lot.amount,
    held: 0n,
    description: `${terms.kind} ${terms.id}`,
  } as const;
  return { ...NO_EFFECTS, lots: [lot], entries: [entry] };
}
