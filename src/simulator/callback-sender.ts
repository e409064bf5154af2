/** Sends callbacks, again and again until they are received or a day has passed. */
import type { ClientRequest } from "node:http";
import { CORRUPT_LAYERS, type CallbackFaults, type CorruptLayer } from "./callback-faults.ts";
import {
  composeCallback,
  UNSPOILT,
  type CallbackEvent,
  type Message,
  type Spoiling,
} from "./callback-message.ts";
import type { SimulatedClock } from "./clock.ts";
import type { CallbackEntry, CallbackOutcome, Journal } from "./journal.ts";
import type { KeyRing } from "./keys.ts";
import { post } from "./post.ts";
import type { Random } from "./random.ts";
import type { Settings } from "./settings.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "./time.ts";

/** The waits before the 15 retries, 24 hours and 4 minutes together. */
export const RETRY_WAITS_MS: readonly number[] = [
  15 * SECOND_MS,
  15 * SECOND_MS,
  30 * SECOND_MS,
  3 * MINUTE_MS,
  10 * MINUTE_MS,
  20 * MINUTE_MS,
  30 * MINUTE_MS,
  30 * MINUTE_MS,
  30 * MINUTE_MS,
  60 * MINUTE_MS,
  3 * HOUR_MS,
  3 * HOUR_MS,
  3 * HOUR_MS,
  6 * HOUR_MS,
  6 * HOUR_MS,
];

interface Parts {
  readonly clock: SimulatedClock;
  readonly random: Random;
  readonly keys: KeyRing;
  readonly settings: Settings;
  readonly journal: Journal;
  readonly faults: CallbackFaults;
}

export class CallbackSender {
  readonly #parts: Parts;
  readonly #open = new Set<ClientRequest>();
  #reordered: CallbackEvent[] = [];
  #isOver = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Sends an event as soon as the faults let it leave. */
  send(news: Omit<CallbackEvent, "id" | "createMs">): void {
    const { clock, random, faults } = this.#parts;
    const createMs = clock.now();
    const event: CallbackEvent = { ...news, id: `EV-${random.digits(19)}`, createMs };
    const atMs = createMs + faults.delayMs;
    if (faults.reorderCount > 0) {
      this.#reordered.push(event);
      if (this.#reordered.length < faults.reorderCount) return;
      const events = this.#reordered.reverse();
      this.#reordered = [];
      faults.reorder(0);
      clock.at(atMs, async () => {
        for (const each of events) await this.#deliver(each, 0);
      });
      return;
    }
    clock.at(atMs, () => this.#deliver(event, 0));
  }

  /** Posts a message that a test made, and writes it down. */
  async deliver(url: string, message: Message, eventType = "CRAFTED"): Promise<CallbackOutcome> {
    const { journal, clock, settings } = this.#parts;
    const entry = journal.add<CallbackEntry>({
      kind: "callback",
      atMs: clock.now(),
      url,
      eventId: "",
      eventType,
      attempt: 0,
      ...message,
      twists: ["crafted"],
      outcome: null,
      accepted: false,
    });
    const outcome = await post(url, message, settings.callbackTimeoutMs, this.#open);
    entry.outcome = outcome;
    entry.accepted = this.#isAccepted(outcome);
    return outcome;
  }

  /** Cuts what is under way; nothing is sent any more. */
  stop(): void {
    this.#isOver = true;
    for (const request of this.#open) request.destroy(new Error("the simulator ends"));
  }

  async #deliver(event: CallbackEvent, attempt: number): Promise<void> {
    if (this.#isOver) return;
    const { clock, faults } = this.#parts;
    const received = await this.#attempt(event, attempt);
    if (this.#isOver) return;
    if (received) {
      if (faults.take("duplicate")) await this.#post(event, attempt, UNSPOILT, ["duplicate"]);
      return;
    }
    const waitMs = RETRY_WAITS_MS[attempt];
    if (waitMs !== undefined) clock.at(clock.now() + waitMs, () => this.#deliver(event, attempt + 1));
  }

  async #attempt(event: CallbackEvent, attempt: number): Promise<boolean> {
    const { faults } = this.#parts;
    if (faults.take("drop")) return this.#drop(event, attempt);
    if (faults.take("probe")) {
      await this.#post(event, attempt, { ...UNSPOILT, probe: true }, ["probe"]);
      if (this.#isOver) return false;
    }
    const spoiling: Spoiling = {
      layer: CORRUPT_LAYERS.find((layer) => faults.take(`corrupt:${layer}`)) ?? null,
      probe: false,
      otherMerchant: faults.take("otherMerchant"),
      unknownEvent: faults.take("unknownEvent"),
      emptyAssociatedData: faults.take("emptyAssociatedData"),
    };
    const twists = twistsOf(spoiling);
    if (!faults.take("duplicateConcurrently")) return this.#post(event, attempt, spoiling, twists);
    const both = [1, 2].map(() =>
      this.#post(event, attempt, spoiling, [...twists, "duplicateConcurrently"]),
    );
    return (await Promise.all(both)).some(Boolean);
  }

  #drop(event: CallbackEvent, attempt: number): false {
    const { journal, keys, random, clock } = this.#parts;
    const nowMs = clock.now();
    const { url, id: eventId, eventType } = event;
    const message = composeCallback({ keys, random }, event, UNSPOILT, nowMs);
    const outcome = { error: "dropped" };
    const head = { kind: "callback", atMs: nowMs, url, eventId, eventType, attempt } as const;
    journal.add({ ...head, ...message, twists: ["drop"], outcome, accepted: false });
    return false;
  }

  async #post(
    event: CallbackEvent,
    attempt: number,
    spoiling: Spoiling,
    twists: readonly string[],
  ): Promise<boolean> {
    const { journal, clock, settings } = this.#parts;
    const nowMs = clock.now();
    const message = composeCallback(this.#parts, event, spoiling, nowMs);
    const entry = journal.add<CallbackEntry>({
      kind: "callback",
      atMs: nowMs,
      url: event.url,
      eventId: event.id,
      eventType: spoiling.unknownEvent ? "TRANSACTION.UNHEARD_OF" : event.eventType,
      attempt,
      ...message,
      twists,
      outcome: null,
      accepted: false,
    });
    const outcome = await post(event.url, message, settings.callbackTimeoutMs, this.#open);
    entry.outcome = outcome;
    entry.accepted = this.#isAccepted(outcome);
    return entry.accepted;
  }

  #isAccepted(outcome: CallbackOutcome): boolean {
    if ("error" in outcome) return false;
    const { status } = outcome;
    if (status === 200 || status === 204) return true;
    return this.#parts.settings.acceptOther2xx && status > 200 && status < 300;
  }
}

function twistsOf(spoiling: Spoiling): string[] {
  const layer: CorruptLayer | null = spoiling.layer;
  const names = (["otherMerchant", "unknownEvent", "emptyAssociatedData"] as const).filter(
    (name) => spoiling[name],
  );
  return layer === null ? names : [`corrupt:${layer}`, ...names];
}
