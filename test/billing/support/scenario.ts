/**
 * Runs a scenario on the use cases and on the model, and holds them against each other after each
 * step: every answer, every lot, every reservation, every balance, and the books.
 */
import assert from "node:assert/strict";
import { DAY_MS } from "../../../src/billing/clock.ts";
import type { ReservationId, UserId } from "../../../src/billing/id.ts";
import { Books } from "./books.ts";
import { act, toldOf, type ModelCommand, type Told } from "./model-commands.ts";
import { replayOf, type FirstUse } from "./model-keys.ts";
import { Model } from "./model.ts";
import { changed, resolve, USERS } from "./scenario-choices.ts";
import {
  publishSources,
  scheduledLot,
  setUp,
  tell,
  tellHold,
  tellLot,
  toReal,
  USE_CASES,
  type UseCases,
} from "./scenario-real.ts";
import type { Step } from "./scenario-steps.ts";
import { START_MS, World, type Result } from "./world.ts";

/** A fault that is put in on purpose, to prove that a scenario finds it. */
export interface Plant {
  readonly useCases?: Partial<UseCases>;
  readonly world?: (world: World) => void;
}

interface SentCommand {
  readonly command: ModelCommand;
  /** Null for our own jobs. */
  readonly key: string | null;
  readonly preview: boolean;
}

/** Time goes no further at once: with all that lapses by then little would be left to happen. */
const SOON_MS = 4 * DAY_MS;

type Batch = Extract<Step, { step: "serve" }>["batch"];

export class Scenario {
  /** How often each outcome was seen. */
  readonly seen: Map<string, number>;
  readonly #world = new World();
  #model = new Model();
  readonly #books = new Books();
  readonly #useCases: UseCases;
  /** The ids of the holds, in the order of their making. */
  readonly #holds: ReservationId[] = [];
  readonly #sent: SentCommand[] = [];
  readonly #first = new Map<string, FirstUse & { readonly answer: unknown }>();

  constructor(plant: Plant = {}, seen = new Map<string, number>()) {
    this.seen = seen;
    this.#useCases = { ...USE_CASES, ...plant.useCases };
    this.#model.now = START_MS;
    setUp(this.#world, this.#model);
    plant.world?.(this.#world);
  }

  /** @throws AssertionError at the first difference */
  run(steps: readonly Step[]): void {
    for (const step of steps) {
      this.#take(step);
      this.#compareRows();
      this.#books.check(this.#world);
    }
  }

  #take(step: Step): void {
    switch (step.step) {
      case "serve":
        return this.#serve(this.#commandsOf(step.batch));
      case "wait":
        return this.#passTime(this.#model.now + step.ms);
      case "wait for":
        return this.#passTime(this.#momentOf(step.which) + step.off);
      case "sweep":
        return this.#sweep();
      case "renew":
        return this.#renew(USERS[step.user]!, step.ms);
      case "schedule":
        return this.#schedule(step);
    }
  }

  #serve(commands: readonly SentCommand[]): void {
    publishSources(this.#world, this.#model);
    const waiting = commands.map(({ command, key, preview }) => ({
      ...toReal(this.#useCases, command, this.#holds, this.#world),
      options: { key, validateOnly: preview },
    }));
    const results = this.#world.sendAll(waiting);
    for (const [at, command] of commands.entries()) this.#compare(command, results[at]!);
  }

  /** What the choices mean now; nothing where there is nothing yet that could be sent again. */
  #commandsOf(batch: Batch): SentCommand[] {
    const commands: SentCommand[] = [];
    for (const each of batch) {
      const keyed = this.#sent.filter(({ key }) => key !== null).toReversed();
      if ("choice" in each) {
        const command = resolve(each.choice, this.#model);
        const isJob = command.kind === "expire" || command.kind === "settle";
        const key = isJob ? null : `key-${this.#sent.length}`;
        commands.push({ command, key, preview: each.preview && !isJob });
      } else if (keyed.length > 0) {
        const { command, key } = keyed[each.again % keyed.length]!;
        const { preview } = each;
        commands.push({ command: each.change ? changed(command) : command, key, preview });
      } else continue;
      this.#sent.push(commands.at(-1)!);
    }
    return commands;
  }

  #compare({ command, key, preview }: SentCommand, result: Result<unknown>): void {
    const name = `${command.kind} ${key}`;
    const first = key === null ? undefined : this.#first.get(name);
    const next = this.#model.copy();
    const expected = replayOf(first, command) ?? act(next, command);
    const told = tell(command, result, this.#world);
    assert.deepEqual(told, expected, `${command.kind}: the answer is the model's`);
    this.#note(command, told, first !== undefined, next);
    if ("refusal" in result) return;
    assert.equal(result.replayed, first !== undefined, `${command.kind}: a replay says so`);
    if (first !== undefined) return assert.deepEqual(result.answer, first.answer);
    if (preview) return;
    this.#model = next;
    if (key !== null) this.#first.set(name, { command, told, answer: result.answer });
    if (command.kind !== "reserve" && command.kind !== "batch") return;
    type Made = { readonly reservationId: ReservationId };
    const answer = result.answer as { reservation?: Made; reservations?: readonly Made[] };
    const made = answer.reservations ?? [answer.reservation!];
    this.#holds.push(...made.map(({ reservationId }) => reservationId));
  }

  #note(command: ModelCommand, told: Told, isReplay: boolean, after: Model): void {
    const outcome = "no" in told ? told.no : isReplay ? "replayed" : "done";
    const before = "hold" in command ? this.#model.holds[command.hold]?.state : undefined;
    this.#count(`${command.kind}${before ? ` ${before}` : ""}: ${outcome}`);
    if (outcome !== "done") return;
    const isLater = this.#model.lots.some(({ endsAt }, at) => after.lots[at]!.endsAt > endsAt);
    if (isLater) this.#count(`${command.kind}: with a grace`);
  }

  #count(name: string): void {
    this.seen.set(name, (this.seen.get(name) ?? 0) + 1);
  }

  #passTime(moment: number): void {
    if (moment <= this.#model.now) return;
    this.#model.passTime(moment);
    this.#world.nowMs = moment;
  }

  /** One of the next five moments at which something ends or begins by itself. */
  #momentOf(which: number): number {
    const { now } = this.#model;
    const moments = this.#model.moments();
    const soon = new Set(moments.filter((moment) => moment > now && moment < now + SOON_MS));
    const next = [...soon].sort((one, two) => one - two).slice(0, 5);
    return next[which % Math.max(next.length, 1)] ?? now;
  }

  #sweep(): void {
    for (const [hold, { state, endsAt }] of this.#model.holds.entries()) {
      if (state !== "HELD" || endsAt > this.#model.now) continue;
      this.#serve([{ command: { kind: "expire", hold }, key: null, preview: false }]);
    }
  }

  #renew(name: string, ms: number): void {
    const user = this.#model.users.find((each) => each.name === name);
    if (user === undefined) return;
    user.memberUntil = this.#model.now + ms;
    this.#world.users.get(name as UserId)!.membershipUntilMs = user.memberUntil;
  }

  #schedule(step: Extract<Step, { step: "schedule" }>): void {
    const user = USERS[step.user]!;
    if (!this.#model.users.some(({ name }) => name === user)) return;
    const terms = { ...step, user, id: `ord-${this.#world.lots.size}` };
    const startsAt = this.#model.now + step.after;
    this.#model.addLot({ kind: "ORDER", ...terms }, startsAt);
    const lot = scheduledLot(this.#world, terms, startsAt);
    this.#world.lots.set(lot.grantId, lot);
  }

  #compareRows(): void {
    const world = this.#world;
    const model = this.#model;
    const lots = [...world.lots.values()];
    const told = lots.map((lot) => tellLot(lot, world.nowMs));
    const expected = model.lots.map(({ name, left, endsAt }) => ({ name, left, endsAt }));
    assert.deepEqual(told, expected, "what is left in every lot");
    const holds = this.#holds.map((id) => tellHold(world.reservations.get(id)!, world));
    assert.deepEqual(holds, model.holds.map(toldOf), "what became of every hold");
    assert.equal(world.reservations.size, holds.length, "there is no other hold");
    assert.equal(world.users.size, model.users.length, "there is no other user");
    for (const { name } of model.users) {
      const { available, held } = world.users.get(name as UserId)!;
      let due = 0;
      for (const [at, lot] of lots.entries()) {
        if (lot.userId === name) due += told[at]!.left - Number(lot.remaining);
      }
      assert.equal(Number(available) + due, model.available(name), "the available balance");
      assert.equal(Number(held), model.held(name), "the held balance");
    }
  }
}
