/** The days of a made-up company: who comes, buys, uses and leaves, and what is booked afterwards. */
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../billing/clock.ts";
import { registerUser } from "../../billing/membership/register-user.ts";
import { resumeUser, suspendUser } from "../../billing/membership/suspend-user.ts";
import { settleLots } from "../../billing/quota/settle-lots.ts";
import { createAgenda, type Agenda } from "./agenda.ts";
import { chargeDay } from "./charging.ts";
import { isQuiet, memberId, type SeedDay } from "./options.ts";
import { Provider } from "./provider.ts";
import type { Records } from "./records.ts";
import type { SeedYearOptions } from "./seed-year.ts";
import { Shopping } from "./shopping.ts";
import { timeInDay, Using } from "./using.ts";
import { createWorld, type World } from "./world.ts";

export interface Company {
  /** Lets a day happen, to its end; in their order. */
  live(day: SeedDay): void;
  /** Books what is booked in the days after the last, and writes down what there is in the end. */
  close(): void;
}

interface Parts {
  readonly world: World;
  readonly agenda: Agenda;
  readonly shopping: Shopping;
  readonly using: Using;
  readonly provider: Provider;
  readonly records: Records;
  readonly options: SeedYearOptions;
  readonly left: { orders: number; costs: number };
  /** What is booked once a day is over, as long as it isn't. */
  readonly afterwards: Set<Afterwards>;
}

interface Afterwards {
  readonly atMs: number;
  readonly happen: () => void;
}

/** Each use leaves so many rows in the log, nearly. */
const ROWS_OF_A_USE = 2.12;
/** A day that was short leaves what it lacks to the next ones, but no day has more than this many times its part. */
const STRONGEST = 2.5;

export function createCompany(
  records: Records,
  options: SeedYearOptions,
  days: readonly SeedDay[],
): Company {
  const world = createWorld(options.seed, records);
  let openMs = 0;
  // What was planned for a quiet day happens when it's over.
  const agenda = createAgenda((atMs) => world.enter(Math.max(atMs, openMs)));
  const provider = new Provider(world, records, options.sealer);
  const shopping = new Shopping({ world, agenda, provider });
  const using = new Using(world, agenda, records);
  const left = { orders: options.orders, costs: options.costs };
  const afterwards = new Set<Afterwards>();
  const parts = { world, agenda, shopping, using, provider, records, options, left, afterwards };
  const working = days.filter((day) => !isQuiet(day));
  return {
    live(day) {
      if (isQuiet(day)) return;
      openMs = day.startMs;
      const at = working.indexOf(day);
      // No two days are the same, and the last one gets what is left.
      const strength = at === working.length - 1 ? 1 : 0.6 + 0.8 * world.dice.next();
      const share = shareOf(working.length, at) * strength;
      planMembers(parts, day, registeredAt(working.length, at));
      planOrders(parts, day, share);
      planUses(parts, day, share);
      planSweeps(parts, day);
      planBooks(parts, day, share);
      agenda.runUntil(day.endMs);
    },
    close() {
      for (const { atMs, happen } of [...afterwards].sort((one, other) => one.atMs - other.atMs)) {
        world.enter(Math.max(atMs, world.now()));
        happen();
      }
      records.addAccounts(world.accounts);
    },
  };
}

/** The part of all members who have come by the end of a day: many in the first days, and then steadily. */
function registeredAt(days: number, at: number): number {
  const passed = (at + 1) / days;
  return 0.3 * Math.min(1, passed * 10) + 0.7 * passed;
}

/** The part of all that is still left which falls on a day: days with more members have more. */
function shareOf(days: number, at: number): number {
  let rest = 0;
  for (let later = at; later < days; later++) rest += registeredAt(days, later);
  return registeredAt(days, at) / rest;
}

/** So many of what is left, and never far more than an even year would have. */
function countOf(left: number, share: number, all: number, days: number): number {
  return Math.max(0, Math.round(Math.min(left * Math.min(share, 1), (STRONGEST * all) / days)));
}

function planMembers({ world, agenda, options }: Parts, day: SeedDay, registered: number): void {
  const { dice, accounts } = world;
  const wanted = Math.round(options.members * Math.min(1, registered)) - accounts.length;
  for (let number = 0; number < wanted; number++) {
    agenda.plan(day.startMs + timeInDay(world), () => {
      const userId = memberId(options.seed, accounts.length + 1);
      world.act(world.open(userId), registerUser, { userId }, "web-shop");
    });
  }
  const stopped = Math.floor(accounts.length * 0.0004 + dice.next() * 1.3);
  for (let number = 0; number < stopped; number++) {
    agenda.plan(day.startMs + timeInDay(world), () => {
      const account = dice.pick(accounts);
      if (account === undefined) return;
      const { userId } = account.user;
      world.act(account, suspendUser, { userId, reason: "shares an account" }, "risk-control");
      if (dice.chance(0.2)) return;
      agenda.plan(world.now() + dice.between(1, 20 * 24) * HOUR_MS, () => {
        world.act(account, resumeUser, { userId, reason: "has explained it" }, "risk-control");
      });
    });
  }
}

function planOrders(
  { world, agenda, shopping, options, left }: Parts,
  day: SeedDay,
  share: number,
): void {
  const count = countOf(left.orders, share, options.orders, options.days);
  for (let number = 0; number < count; number++) {
    agenda.plan(day.startMs + timeInDay(world), () => {
      const account = world.dice.pick(world.accounts);
      if (account !== undefined && shopping.buy(account)) left.orders -= 1;
    });
  }
}

function planUses(
  { world, agenda, using, options, records }: Parts,
  day: SeedDay,
  share: number,
): void {
  const left = options.movements - records.movements;
  const rows = countOf(left, share, options.movements, options.days);
  for (let number = 0; number < rows / ROWS_OF_A_USE; number++) {
    agenda.plan(day.startMs + timeInDay(world), () => void using.use());
  }
}

/** Ends and begins that have come are recorded within a day, some users' every hour. */
function planSweeps({ world, agenda }: Parts, day: SeedDay): void {
  for (let hour = 0; hour < 24; hour++) {
    agenda.plan(day.startMs + hour * HOUR_MS + 7 * MINUTE_MS, () => {
      for (let at = hour; at < world.accounts.length; at += 24) {
        const account = world.accounts[at]!;
        if (!world.isDue(account)) continue;
        world.act(account, settleLots, { userId: account.user.userId }, "billing-guard");
      }
    });
  }
}

/** The day's costs are told in the night after it, and its bill comes in the morning: or not, or twice. */
function planBooks(parts: Parts, day: SeedDay, share: number): void {
  const { world, agenda, records, using, provider, options, left, afterwards } = parts;
  const plan = (atMs: number, happen: () => void) => {
    const item = { atMs, happen: () => afterwards.delete(item) && happen() };
    afterwards.add(item);
    agenda.plan(atMs, item.happen);
  };
  plan(day.endMs + HOUR_MS, () => {
    const count = countOf(left.costs, share, options.costs, options.days);
    chargeDay(world, records, day, using.takeTasks(), count);
    left.costs -= count;
  });
  const fate = world.dice.next();
  if (fate < 0.06) return;
  const atMs = day.endMs + 10 * HOUR_MS;
  plan(atMs, () => provider.importBill(day.date, fate < 0.14 ? "SUPERSEDED" : "CURRENT", false));
  if (fate >= 0.14) return;
  // A second one says something else; at times within the same millisecond, so that only the ids tell which is newer.
  plan(fate < 0.1 ? atMs : atMs + DAY_MS, () => provider.importBill(day.date, "CURRENT", true));
}
