/** History, grants, external calls, free features. */
import { ownerOf } from "../engine/assign.ts";
import type { Effect, Trace } from "../engine/effect.ts";
import { RULE_IDS } from "../rules.ts";
import { PAYMENT_WORDS } from "../vocabulary.ts";
import type { Context } from "./safe.ts";
import { anyPart, type Change } from "./facts.ts";
import type { Complaint } from "./finding.ts";
import type { Platform } from "./task.ts";

/** The specification's own ledgers; what others call history may be a log that is swept. */
const OWN_LEDGER = /^(?:quota_log|billing_report|quota_ledger)$/;
const AMOUNT = /amount|balance|delta|change|quantity|credits?$|points?$|type/i;

export function judgeHistory({ trace, vocabulary }: Context): Complaint[] {
  return trace.effects.flatMap((effect): Complaint[] => {
    const { statement } = effect;
    const table = statement?.tables[0] ?? "";
    if (
      !statement ||
      (statement.verb !== "update" && statement.verb !== "delete") ||
      !vocabulary.isLedger(table)
    )
      return [];
    const own = OWN_LEDGER.test(table);
    const amounts =
      statement.verb === "delete" || statement.assignments.some(({ column }) => AMOUNT.test(column));
    if (!own && !amounts) return [];
    return [
      {
        ruleId: RULE_IDS.historyRewritten,
        severity: own ? "FAIL" : "WARN",
        place: effect.place,
        message: `rows of ${table} are ${statement.verb === "delete" ? "deleted" : "changed"}: history is only inserted into`,
        steps: [{ place: effect.place, message: "history is rewritten here" }],
      },
    ];
  });
}

const INPUT =
  /^(?:req|request|body|query|params|input|payload|args|ctx|event|dto|formData|searchParams|data)$/i;

/** Quota for a caller's word: the amount comes from a request, and no payment, order or permission is in sight. */
export function judgeGrant(change: Change, { trace }: Context, platform: Platform): Complaint[] {
  const { effect } = change;
  const names = [trace.entry.name, trace.entry.place.path, ...effect.frames.map(({ name }) => name)].join(
    " ",
  );
  const before = trace.effects.filter(({ id }) => id <= effect.id);
  const paid =
    PAYMENT_WORDS.test(names) ||
    before.some(({ name, statement }) =>
      PAYMENT_WORDS.test(`${name} ${statement?.tables.join(" ") ?? ""}`),
    ) ||
    effect.guards.some(
      ({ test }) =>
        PAYMENT_WORDS.test(test.words) || /role|admin|permission|auth|sign|secret/i.test(test.words),
    ) ||
    trace.tests.some(
      ({ words, exits, at }) =>
        exits !== undefined &&
        at <= effect.id &&
        /role|admin|permission|signature|secret|paid|支付/i.test(words),
    );
  if (paid) return [];
  // `{ data }` of a read is a row, and nobody's word.
  const fromRequest = anyPart(
    change.value,
    (part) => part.kind === "get" && ownerOf(part).kind !== "result" && INPUT.test(nameOfRoot(part)),
  );
  if (!fromRequest) return [];
  return [
    {
      ruleId: RULE_IDS.quotaBypass,
      severity: platform.own && /quota|配额/i.test(change.column) ? "FAIL" : "WARN",
      place: effect.place,
      message: "quota is granted by the amount of a request, outside of any payment or approval",
      steps: [{ place: effect.place, message: "quota appears here" }],
    },
  ];
}

function nameOfRoot(value: { readonly base: unknown }): string {
  let current: unknown = value;
  while (
    typeof current === "object" &&
    current !== null &&
    "kind" in current &&
    (current.kind === "get" || current.kind === "call")
  ) {
    if (
      current.kind === "get" &&
      "name" in current &&
      typeof current.name === "string" &&
      INPUT.test(current.name)
    )
      return current.name;
    current = "base" in current ? current.base : "callee" in current ? current.callee : undefined;
  }
  return typeof current === "object" &&
    current !== null &&
    "name" in current &&
    typeof current.name === "string"
    ? current.name
    : "";
}

/** Between a lock and the end of its transaction somebody waits for another service. */
export function judgeExternal({ trace }: Context): Complaint[] {
  return trace.effects
    .filter(({ kind }) => kind === "external")
    .flatMap((effect): Complaint[] => {
      const lock = trace.effects.find(
        (other) =>
          other.id < effect.id &&
          other.statement?.lock === "update" &&
          other.transaction !== undefined &&
          isOpenAt(trace, other, effect),
      );
      if (!lock) return [];
      return [
        {
          ruleId: RULE_IDS.externalCallWhileLocking,
          severity: "WARN",
          place: effect.place,
          message: `${effect.name} is awaited while ${lock.statement?.tables[0] ?? "a row"} is locked`,
          steps: [
            { place: lock.place, message: "the lock is taken here" },
            { place: effect.place, message: "another service is awaited here" },
          ],
        },
      ];
    });
}

function isOpenAt(trace: Trace, { transaction, guards }: Effect, effect: Effect): boolean {
  const end = transaction && trace.ended.get(transaction.id);
  const together = guards.every(
    (guard) => !effect.guards.some((other) => other.test === guard.test && other.holds !== guard.holds),
  );
  return together && (end === undefined || end > effect.id);
}
