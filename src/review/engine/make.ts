/** Puts the parts of the evaluation together. */
import { recognise } from "../model/index.ts";
import { bind } from "./assign.ts";
import { invoke } from "./calls.ts";
import type { Statement, Trace } from "./effect.ts";
import { evaluate } from "./expressions.ts";
import type { Linker, Machine } from "./machine.ts";
import { member } from "./members.ts";
import { ChangeLog } from "./scope.ts";
import { settle } from "./settle.ts";
import { execute } from "./statements.ts";
import type { Value } from "./value.ts";

export function makeMachine<T extends { readonly linker: Linker }>(
  link: (machine: Machine) => T,
): { machine: Machine; modules: T } {
  const known = new WeakMap<Value, readonly Statement[]>();
  const machine = {
    log: new ChangeLog(),
    trace: emptyTrace(),
    guards: [],
    frames: [],
    activations: [],
    tries: [],
    open: new Map(),
    enclosing: [],
    ambient: [],
    settled: new Map(),
    pending: new Map(),
    visited: new Set(),
    worthwhile: new Map(),
    closures: new Map(),
    deferred: [],
    moduleTraces: [],
    thrown: false,
    steps: 0,
  } as unknown as Machine;
  Object.assign(machine, {
    evaluate: (...args: Parameters<Machine["evaluate"]>) => evaluate(machine, ...args),
    execute: (...args: Parameters<Machine["execute"]>) => execute(machine, ...args),
    invoke: (...args: Parameters<Machine["invoke"]>) => invoke(machine, ...args),
    member: (...args: Parameters<Machine["member"]>) => member(machine, ...args),
    settle: (...args: Parameters<Machine["settle"]>) => settle(machine, ...args),
    bind: (...args: Parameters<Machine["bind"]>) => bind(machine, ...args),
    recognise: (value: Parameters<Machine["recognise"]>[0]) => {
      const statements = known.get(value) ?? recognise(machine, value);
      known.set(value, statements);
      return statements;
    },
  });
  const modules = link(machine);
  Object.assign(machine, { linker: modules.linker });
  return { machine, modules };
}

function emptyTrace(): Trace {
  const place = { path: "", start: 0, end: 0 };
  return {
    entry: { name: "", place, call: undefined },
    effects: [],
    tests: [],
    returned: [],
    unfollowed: [],
    ended: new Map(),
  };
}
