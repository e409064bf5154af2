/** What the model says of a key that was used before. */
import type { ModelCommand, Told } from "./model-commands.ts";

export interface FirstUse {
  readonly command: ModelCommand;
  readonly told: Told;
}

/** The answer to a key that was used: the first one, or that another field differs. */
export function replayOf(first: FirstUse | undefined, again: ModelCommand): Told | undefined {
  if (first === undefined) return undefined;
  const before = fieldsOf(first.command);
  for (const [at, [field, value]] of fieldsOf(again).entries()) {
    if (before[at]![1] !== value) return { no: "IDEMPOTENCY_KEY_REUSED", field };
  }
  return first.told;
}

/** The content of a command in the words and the order of the proto. */
function fieldsOf(command: ModelCommand): (readonly [string, unknown])[] {
  switch (command.kind) {
    case "register":
      return [["user_id", command.user]];
    case "suspend":
    case "resume":
      return [["user_id", command.user], ["reason", command.reason]];
    case "grant":
      return [["user_id", command.user], ["approval_id", command.source]];
    case "reserve":
    case "batch":
      return [
        ["user_id", command.user],
        ["task_id", command.task],
        ["lines", command.lines.map(({ feature, quantity }) => feature + quantity).join()],
        ["ttl", command.ttl],
      ];
    case "commit":
      return [["reservation_id", command.hold], ["actual_amount", command.actual]];
    case "extend":
      return [["reservation_id", command.hold], ["ttl", command.ttl]];
    case "refund":
      return [["reservation_id", command.hold], ["reason", command.reason]];
    case "refundTask":
      return [["task_id", command.task], ["user_id", command.user], ["reason", command.reason]];
    case "expire":
    case "settle":
    default:
      return [];
  }
}
