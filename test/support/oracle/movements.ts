/** Each answered operation against its lines in the log. */
import type { Answer, AnsweredReservation } from "./requests.ts";
import type { LogLine } from "./snapshot.ts";
import type { Done } from "./verdict.ts";

/** What is wrong with the movements of the operations that were answered. */
export function movementFaults(done: readonly Done[]): string[] {
  return done.flatMap((operation) => {
    const { name, answer, stored } = operation;
    const faults = [...expectedFaults(operation), ...balanceFaults(answer, stored.lines)];
    const users = new Set(answer.reservations.map(({ userId }) => userId));
    if (!users.has(stored.userId) || users.size !== 1) faults.push("is another user's");
    return faults.map((fault) => `${name} ${fault}`);
  });
}

function expectedFaults({ request, answer, stored: { lines } }: Done): string[] {
  const [reservation] = answer.reservations;
  if (reservation === undefined) return ["names no reservation"];
  switch (request.method) {
    case "ReserveQuota":
      return reserveFaults(reservation, lines);
    case "CommitQuota":
      return commitFaults(reservation, lines);
    case "RefundQuota":
      return refundFaults(answer, lines);
    case "ExtendReservation":
    default:
      return lines.length === 0 ? [] : ["moved quota"];
  }
}

function reserveFaults(reservation: AnsweredReservation, lines: readonly LogLine[]): string[] {
  const drawn = reservation.allocations.map(([grantId, amount]) =>
    lineOf("RESERVE", grantId, reservation, -amount, amount),
  );
  return sameLines(drawn, lines);
}

/** The lots drawn first are spent first; what is left of the hold comes back. */
function commitFaults(reservation: AnsweredReservation, lines: readonly LogLine[]): string[] {
  const isAnew = lines.some(({ type }) => type === "RESERVE");
  const { committedAmount, allocations } = reservation;
  const expected: string[] = [];
  let left = committedAmount;
  if (isAnew) {
    for (const [grantId, amount] of allocations) {
      expected.push(lineOf("RESERVE", grantId, reservation, -amount, amount));
    }
  }
  for (const [grantId, amount] of allocations) {
    const spent = Math.min(left, amount);
    left -= spent;
    if (spent > 0) expected.push(lineOf("COMMIT", grantId, reservation, 0, -spent));
    if (amount > spent && !isAnew) {
      expected.push(lineOf("RELEASE", grantId, reservation, amount - spent, spent - amount));
    }
  }
  if (left > 0) return ["committed more than was drawn"];
  return sameLines(expected, lines.filter(movesSomething));
}

/** Each reservation comes back whole or not at all: it may have come back before. */
function refundFaults({ reservations }: Answer, lines: readonly LogLine[]): string[] {
  const faults: string[] = [];
  const known = new Map(reservations.map((one) => [one.reservationId, one]));
  for (const [reservationId, own] of Map.groupBy(lines, (line) => line.reservationId)) {
    const reservation = known.get(reservationId ?? "");
    if (reservation === undefined) faults.push("moved something that it doesn't name");
    else faults.push(...oneRefundFaults(reservation, own));
  }
  for (const { state } of reservations) {
    if (state !== "REFUNDED") faults.push(`left something ${state}`);
  }
  return faults;
}

function oneRefundFaults(reservation: AnsweredReservation, lines: readonly LogLine[]): string[] {
  const back = total(lines, "available");
  const held = total(lines, "held");
  const faults: string[] = [];
  if (lines.some(({ type }) => type !== "REFUND")) faults.push("did something else than a refund");
  // From a hold all of it, from a commit what was spent, after expiry nothing.
  const isHold = held === -reservation.amount && back === reservation.amount;
  const isSpent = held === 0 && back >= 0 && back <= reservation.amount;
  if (!isHold && !isSpent) faults.push(`gave ${back} back of ${reservation.amount}`);
  const drawn = new Map(reservation.allocations);
  const byLot = Map.groupBy(lines.filter(movesSomething), (line) => line.grantId ?? "");
  for (const [grantId, own] of byLot) {
    const isTooMuch = total(own, "available") > (drawn.get(grantId) ?? 0);
    if (isTooMuch) faults.push("gave back to another lot");
  }
  return faults;
}

/** The balance in the answer is the one after the operation's last line. */
function balanceFaults({ balance }: Answer, lines: readonly LogLine[]): string[] {
  const last = lines.at(-1);
  if (balance === null || last === undefined) return [];
  if (balance.available === last.availableAfter && balance.held === last.heldAfter) return [];
  return [`answered ${JSON.stringify(balance)}, not the balance after it`];
}

function movesSomething({ available, held }: LogLine): boolean {
  return available !== 0 || held !== 0;
}

function lineOf(
  type: string,
  grantId: string | null,
  { reservationId }: AnsweredReservation,
  available: number,
  held: number,
): string {
  return [type, grantId, reservationId, available, held].join(" ");
}

function sameLines(expected: readonly string[], lines: readonly LogLine[]): string[] {
  const found = lines.map(({ type, grantId, reservationId, available, held }) =>
    [type, grantId, reservationId, available, held].join(" "),
  );
  const isSame = found.toSorted().join() === expected.toSorted().join();
  return isSame ? [] : [`has the lines [${found.join("; ")}], not [${expected.join("; ")}]`];
}

function total(lines: readonly LogLine[], what: "available" | "held"): number {
  return lines.reduce((sum, line) => sum + line[what], 0);
}
