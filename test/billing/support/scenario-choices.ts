/** What a random choice means at the moment at which its step is run. */
import type { ModelCommand } from "./model-commands.ts";
import type { Model, ModelFeature } from "./model.ts";
import type { Choice } from "./scenario-steps.ts";

/** The first two are registered from the beginning. */
export const USERS = ["ann", "bob", "cem"] as const;
export const WITHDRAWN = "withdrawn";
export const FEATURES: readonly ModelFeature[] = [
  { name: "plain", cost: 1 },
  { name: "video", cost: 3, perHour: 4, inFlight: 2 },
  { name: "cool", cost: 1, cooldown: 60 },
  { name: "daily", cost: 1, perHour: 3, perDay: 5 },
  { name: "free", cost: 0, inFlight: 1 },
  { name: "listed", cost: 1, listed: ["ann"] },
];
const NAMES = [...FEATURES.map(({ name }) => name), WITHDRAWN, "unknown"];

export function resolve(choice: Choice, model: Model): ModelCommand {
  switch (choice.kind) {
    case "register":
    case "settle":
      return { kind: choice.kind, user: USERS[choice.user]! };
    case "suspend":
    case "resume":
      return { kind: choice.kind, user: USERS[choice.user]!, reason: "risk" };
    case "grant":
      return { kind: "grant", user: USERS[choice.user]!, source: sourceOf(choice, model) };
    case "reserve":
    case "batch": {
      const { kind, user, task, lines, ttl } = choice;
      const named = lines.map(({ feature, quantity }) => ({ feature: NAMES[feature]!, quantity }));
      return { kind, user: USERS[user]!, task: `task-${task}`, lines: named, ttl };
    }
    case "commit": {
      const actual = choice.actual < 0 ? null : choice.actual;
      return { kind: "commit", hold: holdOf(choice.hold, model), actual };
    }
    case "refund":
      return { kind: "refund", hold: holdOf(choice.hold, model), reason: choice.reason };
    case "refundTask": {
      const { kind, task, user, reason } = choice;
      return { kind, task: `task-${task}`, user: USERS[user]!, reason };
    }
    case "extend":
      return { kind: "extend", hold: holdOf(choice.hold, model), ttl: choice.ttl };
    case "expire":
    default: {
      const hold = holdOf(choice.hold, model);
      return hold < 0 ? { kind: "settle", user: USERS[0] } : { kind: "expire", hold };
    }
  }
}

/** A source that is there already, or else a new one, most often for the user that asks. */
function sourceOf(choice: Extract<Choice, { kind: "grant" }>, model: Model): string {
  const known = model.sources[choice.source];
  if (known !== undefined) return known.id;
  const id = `apr-${model.sources.length}`;
  const user = USERS[choice.owner === 0 ? 0 : choice.user]!;
  const { amount, priority, valid } = choice;
  model.sources.push({ id, user, amount, priority, valid });
  return id;
}

/** The youngest hold is 0; -1 is one that doesn't exist. */
function holdOf(choice: number, model: Model): number {
  const count = model.holds.length;
  return choice === 12 || count === 0 ? -1 : count - 1 - (choice % count);
}

/** The same command with another content. */
export function changed(command: ModelCommand): ModelCommand {
  switch (command.kind) {
    case "reserve":
    case "batch":
    case "extend":
      return { ...command, ttl: command.ttl - 1 };
    case "commit":
      return { ...command, actual: command.actual === null ? 1 : command.actual + 1 };
    case "refund":
    case "refundTask":
      return { ...command, reason: "SYSTEM_ERROR" };
    case "suspend":
    case "resume":
      return { ...command, reason: "another" };
    case "register":
    case "grant":
    case "settle":
      return { ...command, user: USERS.find((name) => name !== command.user)! };
    case "expire":
    default:
      return command;
  }
}
