/** What became of each reservation and each balance, recomputed from the answers alone. */
import type { AnsweredReservation } from "./requests.ts";
import type { LogLine, Snapshot, StoredReservation } from "./snapshot.ts";
import type { Done } from "./verdict.ts";

/** A reservation as its answers tell it. */
interface Told {
  readonly made: AnsweredReservation;
  committed: AnsweredReservation | undefined;
  commits: number;
  refunded: boolean;
  /** The latest end that an answer named. */
  expireTimeMs: number;
}

/** What is wrong with reservations and balances after the operations that were answered. */
export function stateFaults(done: readonly Done[], before: Snapshot, after: Snapshot): string[] {
  const told = tell(done);
  const faults: string[] = [];
  for (const [id, one] of told) {
    const stored = after.reservations.get(id);
    if (stored === undefined) faults.push(`${id} was answered and doesn't exist`);
    else faults.push(...reservationFaults(one, stored, id).map((fault) => `${id} ${fault}`));
  }
  for (const id of after.reservations.keys()) {
    const isKnown = told.has(id) || before.reservations.has(id);
    if (!isKnown) faults.push(`${id} exists, and nobody was told`);
  }
  return [...faults, ...refundFaults(after), ...balanceFaults(told, before, after)];
}

function tell(done: readonly Done[]): Map<string, Told> {
  const told = new Map<string, Told>();
  for (const { request, answer } of done) {
    if (request.method !== "ReserveQuota") continue;
    for (const made of answer.reservations) {
      const { expireTimeMs } = made;
      const fresh = { made, committed: undefined, commits: 0, refunded: false, expireTimeMs };
      told.set(made.reservationId, fresh);
    }
  }
  for (const { request, answer } of done) {
    for (const reservation of answer.reservations) {
      const one = told.get(reservation.reservationId);
      if (one === undefined) continue;
      one.expireTimeMs = Math.max(one.expireTimeMs, reservation.expireTimeMs);
      if (request.method === "RefundQuota") one.refunded = true;
      if (request.method === "CommitQuota") {
        one.committed = reservation;
        one.commits += 1;
      }
    }
  }
  return told;
}

function reservationFaults(told: Told, stored: StoredReservation, id: string): string[] {
  const faults: string[] = [];
  const { made } = told;
  for (const field of ["userId", "featureId", "taskId", "quantity", "amount"] as const) {
    if (stored[field] !== made[field]) faults.push(`has another ${field} than was answered`);
  }
  if (told.commits > 1) faults.push(`was committed ${told.commits} times`);
  if (stored.expireTimeMs < told.expireTimeMs) faults.push("ends before the answered time");
  const state = expectedState(told, stored);
  const found = `${stored.state} ${stored.committedAmount} ${stored.refundedAmount}`;
  if (state !== found) faults.push(`is ${found}, not ${state}`);
  return made.reservationId === id ? faults : [...faults, "has another id"];
}

/** The state and the two amounts. Only time can make another end of an open hold. */
function expectedState({ made, committed, refunded }: Told, stored: StoredReservation): string {
  if (refunded) return `REFUNDED 0 ${made.amount}`;
  if (committed) return `COMMITTED ${committed.committedAmount} ${committed.refundedAmount}`;
  return stored.state === "EXPIRED" ? `EXPIRED 0 ${made.amount}` : "HELD 0 0";
}

/** Whatever calls came at once: one of them gave the quota back, and the others say so too. */
function refundFaults({ operations, reservations }: Snapshot): string[] {
  const refunds = new Map<string, { told: number; moved: number }>();
  for (const { lines } of operations.values()) {
    const own = Map.groupBy(lines.filter(isRefund), ({ reservationId }) => reservationId!);
    for (const [id, parts] of own) {
      const known = refunds.get(id) ?? { told: 0, moved: 0 };
      const moved = parts.some(({ grantId }) => grantId !== null) ? 1 : 0;
      refunds.set(id, { told: known.told + 1, moved: known.moved + moved });
    }
  }
  return [...reservations].flatMap(([id, { state }]) => {
    const { told, moved } = refunds.get(id) ?? { told: 0, moved: 0 };
    if (moved <= 1 && told > 0 === (state === "REFUNDED")) return [];
    return [`${id} is ${state}, and was refunded by ${told} calls, ${moved} of which moved quota`];
  });
}

function isRefund({ type }: LogLine): boolean {
  return type === "REFUND";
}

/** Opening balance, less what is spent and held now: by the answers, not by the log. */
function balanceFaults(
  told: ReadonlyMap<string, Told>,
  before: Snapshot,
  after: Snapshot,
): string[] {
  const expected = new Map(
    [...before.users].map(([userId, { available, held }]) => [userId, { available, held }]),
  );
  for (const [id, { userId, amount, state }] of before.reservations) {
    // A hold of an earlier load, whose time has ended in this one.
    const user = expected.get(userId);
    if (!user || state !== "HELD" || after.reservations.get(id)?.state !== "EXPIRED") continue;
    user.available += amount;
    user.held -= amount;
  }
  for (const [id, { made, committed, refunded }] of told) {
    const user = expected.get(made.userId);
    if (user === undefined || refunded) continue;
    if (committed) user.available -= committed.committedAmount;
    else if (after.reservations.get(id)?.state === "HELD") {
      user.available -= made.amount;
      user.held += made.amount;
    }
  }
  return [...expected].flatMap(([userId, { available, held }]) => {
    const found = after.users.get(userId);
    if (found?.available === available && found.held === held) return [];
    const has = JSON.stringify(found);
    return [`${userId} should have ${available} and ${held} held, and has ${has}`];
  });
}
