/** Bugs that are put in on purpose, to prove that scenarios find them. */
import { DAY_MS } from "../../../src/billing/clock.ts";
import type { Account } from "../../../src/billing/quota/account.ts";
import type { Decision, Desk, UseCase } from "../../../src/billing/quota/desk.ts";
import { RETURN_GRACE_MS, type Lot } from "../../../src/billing/quota/lot.ts";
import type { Effects, Entry } from "../../../src/billing/quota/posting.ts";
import type { Reservation } from "../../../src/billing/quota/reservation.ts";
import { serve, type BatchWrites } from "../../../src/billing/quota/serve.ts";
import { USE_CASES } from "./scenario-real.ts";
import { type Plant } from "./scenario.ts";
import type { World } from "./world.ts";

/** A use case that decides on an altered desk, and answers from the true one. */
function looking<Input, Answer>(
  useCase: UseCase<Input, Answer>,
  alter: (desk: Desk) => Partial<Desk>,
): UseCase<Input, Answer> {
  const decide = (desk: Desk, input: Input) => {
    const altered = { ...desk, ...alter(desk) };
    const decision = useCase.decide(altered, input);
    Object.assign(altered, desk);
    return decision;
  };
  return { ...useCase, decide };
}

function withAccount(desk: Desk, change: Partial<Account>): Partial<Desk> {
  return { account: { ...desk.account, ...change } };
}

function withLots(alter: (lot: Lot) => Partial<Lot>) {
  return (desk: Desk) =>
    withAccount(desk, { lots: desk.account.lots.map((lot) => ({ ...lot, ...alter(lot) })) });
}

function withReservations(alter: (reservation: Reservation, desk: Desk) => Partial<Reservation>) {
  return (desk: Desk) => {
    const all = [...desk.account.reservations.values()];
    const altered = all.map((each) => ({ ...each, ...alter(each, desk) }));
    const reservations = new Map(altered.map((each) => [each.reservationId, each]));
    return withAccount(desk, { reservations });
  };
}

/** A use case whose effects are altered. */
function doing<Input, Answer>(
  useCase: UseCase<Input, Answer>,
  alter: (effects: Effects, desk: Desk) => Partial<Effects>,
): UseCase<Input, Answer> {
  const decide = (desk: Desk, input: Input): Decision<Answer> => {
    const { effects, answer } = useCase.decide(desk, input);
    return { effects: { ...effects, ...alter(effects, desk) }, answer };
  };
  return { ...useCase, decide };
}

function writing(tamper: (writes: BatchWrites) => void): Plant {
  return { world: (world) => void (world.tamper = tamper) };
}

function serving(serveTicket: World["serveTicket"]): Plant {
  return { world: (world) => void (world.serveTicket = serveTicket) };
}

const { reserveQuota, batchReserveQuota, commitQuota, refundQuota } = USE_CASES;
const { extendReservation, expireReservation, grantQuota } = USE_CASES;

function reserving(alter: (desk: Desk) => Partial<Desk>): Plant {
  return { useCases: { reserveQuota: looking(reserveQuota, alter) } };
}

function refunding(alter: (desk: Desk) => Partial<Desk>): Plant {
  return { useCases: { refundQuota: looking(refundQuota, alter) } };
}

export const PLANTS: Record<string, Plant> = {
  "a refund that gives back twice": refunding(
    withReservations(({ state, amount }, { nowMs }) => {
      const spent = { state: "COMMITTED", committedAmount: amount, commitTimeMs: nowMs } as const;
      return state === "REFUNDED" ? spent : {};
    }),
  ),
  "a refund that gives back to another lot": {
    useCases: {
      refundQuota: doing(refundQuota, ({ entries }, { account }) => ({
        entries: entries.map((entry) =>
          entry.grantId === null ? entry : { ...entry, grantId: account.lots.at(-1)!.grantId },
        ),
      })),
    },
  },
  "a refund that gives a partial commit back in full": refunding(
    withReservations(({ state, amount }) =>
      state === "COMMITTED" ? { committedAmount: amount } : {},
    ),
  ),
  "a refund window without end": refunding(() => ({ refundWindowMs: Infinity })),
  "a refund window that is a millisecond too long": refunding(({ refundWindowMs }) => ({
    refundWindowMs: refundWindowMs + 1,
  })),
  "a refund of an expired hold that gives back again": refunding(
    withReservations(({ state }) => (state === "EXPIRED" ? { state: "HELD" } : {})),
  ),
  "lots drawn from the last to the first": reserving(
    withLots(({ priority }) => ({ priority: -priority })),
  ),
  "lots drawn without a look at when they end": reserving(withLots(() => ({ expireTimeMs: null }))),
  "the younger of two equal lots drawn first": reserving(
    withLots(({ createTimeMs }) => ({ createTimeMs: -createTimeMs })),
  ),
  "a commit that keeps the tail": {
    useCases: {
      commitQuota: doing(commitQuota, ({ entries }) => ({
        entries: entries.filter(({ type }) => type !== "RELEASE"),
      })),
    },
  },
  "a partial commit that gives back to the lot drawn first": {
    useCases: {
      commitQuota: doing(commitQuota, ({ entries }) => {
        const first = entries[0]?.grantId ?? null;
        const back = (entry: Entry) => ({ ...entry, grantId: first ?? entry.grantId });
        return { entries: entries.map((each) => (each.type === "RELEASE" ? back(each) : each)) };
      }),
    },
  },
  "a commit after expiry that charges nothing": {
    useCases: {
      commitQuota: doing(commitQuota, ({ entries }) => ({
        entries: entries.map((entry) => ({ ...entry, available: 0n, grantId: null })),
      })),
    },
  },
  "a commit that leaves the hold in the balance": {
    useCases: {
      commitQuota: doing(commitQuota, ({ entries }) => ({
        entries: entries.map((entry) => ({ ...entry, held: 0n })),
      })),
    },
  },
  "an expiry of a hold that is settled already": {
    useCases: {
      expireReservation: looking(
        expireReservation,
        withReservations(() => ({ state: "HELD" })),
      ),
    },
  },
  "an expiry that comes a millisecond early": {
    useCases: {
      expireReservation: looking(expireReservation, ({ nowMs }) => ({ nowMs: nowMs + 1 })),
    },
  },
  "a hold that draws more than there is": reserving(
    withLots(({ remaining }) => ({ remaining: remaining + 3n })),
  ),
  "a balance below zero": serving((facts, ticket, writes) => {
    const outcome = serve(facts, ticket, writes);
    const account = facts.accounts.get(ticket.userId!);
    if (account && writes.newReservations.size > 0) account.user.available -= 1_000n;
    return outcome;
  }),
  "a suspended user who goes on": reserving((desk) =>
    withAccount(desk, { user: { ...desk.account.user, state: "ACTIVE" } }),
  ),
  "a membership that never ends": reserving((desk) =>
    withAccount(desk, { user: { ...desk.account.user, membershipUntilMs: Infinity } }),
  ),
  "limits that count what was cancelled before its start": reserving((desk) => {
    const counted = [...desk.account.uses].map(
      ([name, uses]) => [name, uses.map((use) => ({ ...use, counts: true }))] as const,
    );
    return withAccount(desk, { uses: new Map(counted) });
  }),
  "windows that are a millisecond too long": reserving((desk) => {
    const later = [...desk.account.uses].map(
      ([name, uses]) => [name, uses.map((use) => ({ ...use, startMs: use.startMs + 1 }))] as const,
    );
    return withAccount(desk, { uses: new Map(later) });
  }),
  "a batch that knows no limits": {
    useCases: {
      batchReserveQuota: looking(batchReserveQuota, (desk) => {
        const uses = new Map([...desk.account.uses.keys()].map((name) => [name, []]));
        return withAccount(desk, { uses });
      }),
    },
  },
  "an extension past the longest life": {
    useCases: {
      extendReservation: doing(extendReservation, ({ changes }) => ({
        changes: changes.map((each) => ({
          ...each,
          expireTimeMs:
            each.expireTimeMs + (each.expireTimeMs === each.createTimeMs + DAY_MS ? 1 : 0),
        })),
      })),
    },
  },
  "a source that gives twice": {
    useCases: {
      grantQuota: looking(grantQuota, ({ account, source }) => ({
        account: { ...account, lots: [] },
        source: source && { ...source, usedBy: null },
      })),
    },
  },
  "a grace of one millisecond": serving((facts, ticket, writes) => {
    const outcome = serve(facts, ticket, writes);
    for (const lot of facts.accounts.get(ticket.userId!)?.lots ?? []) {
      if (lot.expireTimeMs === facts.nowMs + RETURN_GRACE_MS) lot.expireTimeMs = facts.nowMs + 1;
    }
    return outcome;
  }),
  "a key that is decided anew": serving((facts, ticket, writes) => {
    facts.operations.clear();
    return serve(facts, ticket, writes);
  }),
  "a key that answers any content": {
    useCases: { reserveQuota: { ...reserveQuota, content: () => ({ any: "thing" }) } },
  },
  "a replay that tells how it is now": {
    useCases: {
      reserveQuota: {
        ...reserveQuota,
        answers: {
          ...reserveQuota.answers,
          read: (text, find) => {
            const first = reserveQuota.answers.read(text, find);
            return { ...first, reservation: find(first.reservation.reservationId) };
          },
        },
      },
    },
  },
  "a preview that is kept": serving((facts, { command, ...ticket }, writes) =>
    serve(facts, { ...ticket, command: { ...command, validateOnly: false } }, writes),
  ),
  "a log row that is lost": writing(({ operations }) => {
    const at = operations.findIndex(({ rows }) => rows.length > 1);
    if (at >= 0) operations[at] = { ...operations[at]!, rows: operations[at]!.rows.slice(1) };
  }),
  "a log row that is written twice": writing(({ operations }) => {
    const at = operations.findIndex(({ rows }) => rows.length > 1);
    if (at < 0) return;
    const { operation, rows } = operations[at]!;
    operations[at] = { operation, rows: [...rows, rows.at(-1)!] };
  }),
  "a lot whose change is not written": writing(({ changedLots }) => changedLots.clear()),
  "a reservation whose change is not written": writing(({ changedReservations }) =>
    changedReservations.clear(),
  ),
  "a balance that is not written": writing(({ balances }) => balances.clear()),
};
