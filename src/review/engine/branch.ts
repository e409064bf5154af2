/** Control flow: two ways that are tried one after the other and joined. */
import type { Guard, Test } from "./effect.ts";
import type { Completion, Machine } from "./machine.ts";
import { addTest } from "./machine.ts";
import type { Place, Value } from "./value.ts";

type Way = () => Completion;

export interface Fork {
  readonly value: Value;
  readonly place: Place;
  readonly kind?: Test["kind"];
  readonly whenTrue: Way;
  readonly whenFalse?: Way;
}

/** Runs both ways, each under its condition; what comes after runs under what the ways that go on have in common. */
export function fork(machine: Machine, { value, place, kind = "if", whenTrue, whenFalse }: Fork): Completion {
  const test = addTest(machine, { value, place, kind });
  const mark = machine.log.mark();
  const open = machine.open;
  const first = under(machine, { test, holds: true, until: "branch" }, whenTrue);
  const openAfterFirst = machine.open;
  const changed = machine.log.rewind(mark);
  machine.open = open;
  const second = whenFalse ? under(machine, { test, holds: false, until: "branch" }, whenFalse) : undefined;
  const changedElse = machine.log.rewind(mark);
  if (second === undefined && first === undefined && openAfterFirst !== open) machine.open = openAfterFirst;
  else if (second !== undefined) machine.open = openAfterFirst;
  machine.log.join([
    first === undefined ? changed : undefined,
    second === undefined ? changedElse : undefined,
  ]);
  return joined(machine, test, first, second);
}

function joined(machine: Machine, test: Test, first: Completion, second: Completion): Completion {
  const exit = (completion: Completion): Guard["until"] =>
    completion === "throw" || completion === "return" ? completion : "branch";
  if (first !== undefined || second !== undefined) {
    test.exits = first === "throw" || second === "throw" ? "throw" : "return";
  }
  if (first !== undefined && second !== undefined) {
    return first === second ? first : first === "throw" ? second : first;
  }
  if (first !== undefined) machine.guards.push({ test, holds: false, until: exit(first) });
  else if (second !== undefined) machine.guards.push({ test, holds: true, until: exit(second) });
  return undefined;
}

/** Runs a way under a condition. */
export function under<T>(machine: Machine, guard: Guard, way: () => T): T {
  const before = machine.guards.length;
  machine.guards.push(guard);
  const result = way();
  machine.guards.length = before;
  return result;
}

/** Runs a body that may be repeated or skipped. */
export function loop(machine: Machine, test: { value: Value; place: Place }, body: Way): void {
  const made = addTest(machine, { ...test, kind: "loop" });
  const mark = machine.log.mark();
  const open = machine.open;
  const completion = under(machine, { test: made, holds: true, until: "branch" }, body);
  const changed = machine.log.rewind(mark);
  machine.log.join(completion === "return" || completion === "throw" ? [new Map()] : [changed, new Map()]);
  if (completion !== undefined) machine.open = open;
}
