/**
 * The verdict: the journal against the books. What was answered stands there once, with the amounts
 * that were answered; what was refused has left nothing; and nothing else is there. It knows what
 * the contract promises and reads tables; it uses nothing of the program that it judges.
 */
import { byOperation, type Attempt } from "./journal.ts";
import { movementFaults } from "./movements.ts";
import { isOfLoad, nameOf, type Answer, type QuotaRequest } from "./requests.ts";
import { stateFaults } from "./states.ts";
import type { Snapshot, StoredOperation } from "./snapshot.ts";

/** One operation that was answered: what was asked, what was said, and its one row. */
export interface Done {
  readonly name: string;
  readonly request: QuotaRequest;
  readonly answer: Answer;
  readonly stored: StoredOperation;
}

/** The service's own jobs, which nobody asked for. */
const OWN_CALLERS: ReadonlySet<string> = new Set(["billing-guard", "sweeper"]);
const OWN_METHODS: ReadonlySet<string> = new Set(["ExpireReservation", "SettleLots"]);

/**
 * Compares what was journaled with what happened between two snapshots.
 * @returns every fault as a sentence; [] when all is well
 */
export function judge(attempts: readonly Attempt[], before: Snapshot, after: Snapshot): string[] {
  const operations = byOperation(attempts);
  const isNew = ({ operationId }: StoredOperation) => !before.operations.has(operationId);
  const added = [...after.operations.values()].filter(isNew);
  const rows = Map.groupBy(
    added.filter(({ key }) => key !== null),
    ({ method, key }) => nameOf({ method: method as QuotaRequest["method"], key: key! }),
  );
  const faults: string[] = [];
  const done: Done[] = [];
  for (const [name, tries] of operations) {
    faults.push(...answerFaults(name, tries));
    const answer = tries.map(({ reply }) => reply).find((reply) => reply?.outcome === "ok");
    const stored = rows.get(name) ?? [];
    const wanted = answer === undefined ? 0 : 1;
    if (stored.length !== wanted) {
      const told = answer === undefined ? "was never answered" : "was answered";
      faults.push(`${name} ${told}, and has ${stored.length} rows`);
    } else if (answer !== undefined) {
      const { request } = tries.find(({ reply }) => reply?.outcome === "ok")!;
      done.push({ name, request, answer, stored: stored[0]! });
    }
  }
  const isAskedFor = ({ method, key, caller }: StoredOperation) =>
    key === null
      ? OWN_CALLERS.has(caller) && OWN_METHODS.has(method)
      : operations.has(`${method} ${key}`);
  for (const { operationId, method } of added.filter((operation) => !isAskedFor(operation))) {
    faults.push(`${operationId} (${method}) is in the books, and nobody asked for it`);
  }
  for (const operationId of before.operations.keys()) {
    if (!after.operations.has(operationId)) faults.push(`${operationId} has vanished`);
  }
  const { orphanLines } = after;
  if (orphanLines > 0) faults.push(`${orphanLines} movements have lost their operation`);
  faults.push(...movementFaults(done), ...stateFaults(done, before, after));
  return faults;
}

/** What the answers of one operation say about each other. */
function answerFaults(name: string, tries: readonly Attempt[]): string[] {
  const faults: string[] = [];
  const first = tries.find(({ reply }) => reply?.outcome === "ok");
  for (const { reply } of tries) {
    if (reply?.outcome === "broken") faults.push(`${name} met a bug: ${reply.why}`);
  }
  const last = tries.at(-1)!;
  if (first === undefined) {
    const isOpen = last.reply?.outcome !== "refused";
    if (isOpen) faults.push(`${name} has no definite answer`);
    return faults;
  }
  const content = contentOf(first.request);
  const answer = sayingOf(first.reply as Answer);
  // The earliest moment at which it was known to be done.
  const knownAt = Math.min(
    ...tries.flatMap(({ reply, answeredAt }) => (reply?.outcome === "ok" ? [answeredAt] : [])),
  );
  let executions = 0;
  for (const { request, reply, sentAt } of tries) {
    const isSame = contentOf(request) === content;
    if (reply?.outcome === "ok") {
      if (!isSame) faults.push(`${name} was answered for two contents`);
      else if (sayingOf(reply) !== answer) faults.push(`${name} was answered in two ways`);
      if (!reply.replayed) executions += 1;
    } else if (reply?.outcome === "refused" && sentAt > knownAt && !isOfLoad(reply)) {
      const isRight = !isSame && reply.reason === "IDEMPOTENCY_KEY_REUSED";
      if (!isRight) faults.push(`${name} was refused as ${reply.reason} after it was done`);
    }
  }
  if (executions > 1) faults.push(`${name} was answered ${executions} times as if it were new`);
  return faults;
}

function contentOf(request: QuotaRequest): string {
  return JSON.stringify(request);
}

function sayingOf({ reservations, balance }: Answer): string {
  return JSON.stringify([reservations, balance]);
}
