/** Where evaluation begins: what nobody among the files calls, and may lead to quota. */
import { makeMachine } from "../engine/make.ts";
import type { Trace } from "../engine/effect.ts";
import { aside, type Machine } from "../engine/machine.ts";
import { findMethod } from "../engine/classes.ts";
import { inline } from "../engine/inlining.ts";
import { optionsOf, type Closure, type Place, type Value } from "../engine/value.ts";
import { isFunction } from "../syntax/node.ts";
import { ModuleTable, type Module, type Modules } from "./modules.ts";
import type { Resolver } from "./resolve.ts";
import { unitsOf, type Unit } from "./units.ts";

/** The traces of all entry points, and those that were too long to follow. */
export interface Evaluated {
  readonly traces: readonly Trace[];
  readonly tooLong: readonly Place[];
}

export function evaluateAll(
  files: ReadonlyMap<string, Module>,
  resolver: Resolver,
  { at, concerns }: { at(path: string, done: boolean): void; concerns(text: string): boolean },
): Evaluated {
  const machine = makeMachine((made) => new ModuleTable(files, resolver, concerns, () => made));
  const { modules } = machine;
  const paths = [...files.keys()].sort();
  for (const path of paths) {
    at(path, false);
    modules.load(path);
    at(path, true);
  }
  modules.relink();
  const units = paths.flatMap((path) => {
    const file = files.get(path);
    return file ? unitsOf(file, concerns) : [];
  });
  const traces: Trace[] = [...machine.machine.moduleTraces];
  const run = new Entries(machine.machine, modules, traces, at);
  run.deferred();
  const leading = leadingUnits(units);
  run.wrapped(paths);
  const callers = countCallers(leading);
  for (const unit of leading) {
    const own = unit.calls.has(unit.name) ? 1 : 0;
    if ((callers.get(unit.name) ?? 0) <= own) run.unit(unit);
  }
  run.deferred();
  for (const unit of leading) if (unit.concernsQuota) run.unit(unit);
  run.deferred();
  run.inner();
  return { traces, tooLong: run.tooLong };
}

/** Units that concern quota, and those that call them, at any remove. */
function leadingUnits(units: readonly Unit[]): Unit[] {
  const callers = new Map<string, Unit[]>();
  for (const unit of units) {
    for (const name of unit.calls) {
      const known = callers.get(name);
      if (known) known.push(unit);
      else callers.set(name, [unit]);
    }
  }
  const found = new Set(units.filter(({ concernsQuota }) => concernsQuota));
  const queue = [...found];
  for (let unit = queue.pop(); unit; unit = queue.pop()) {
    if (unit.name.length <= NAME_MIN) continue;
    for (const caller of callers.get(unit.name) ?? []) {
      if (found.has(caller)) continue;
      found.add(caller);
      queue.push(caller);
    }
  }
  return units.filter((unit) => found.has(unit));
}

/** Shorter names are everybody's. */
const NAME_MIN = 2;

function countCallers(units: readonly Unit[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { calls } of units) for (const name of calls) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** What wasn't followed to its end is named where it may have moved quota. */
const STRONG = /quota|credit|balance|wallet|配额|额度|积分|余额/i;
const WRITES = /update|decrement|increment|\.save|\$inc|execute|query|transaction|-=/i;

class Entries {
  readonly #machine: Machine;
  readonly #modules: Modules;
  readonly #traces: Trace[];
  readonly tooLong: Place[] = [];
  #deferredDone = 0;

  readonly #at: (path: string, done: boolean) => void;

  constructor(
    machine: Machine,
    modules: Modules,
    traces: Trace[],
    at: (path: string, done: boolean) => void,
  ) {
    this.#at = at;
    this.#machine = machine;
    this.#modules = modules;
    this.#traces = traces;
  }

  unit(unit: Unit): void {
    if (this.#machine.visited.has(unit.node)) return;
    const closure = this.#closureOf(unit);
    if (closure) this.#enter(closure, unit.name);
  }

  /** Route handlers, listeners and timers. */
  deferred(): void {
    const { deferred } = this.#machine;
    while (this.#deferredDone < deferred.length) {
      const entry = deferred[this.#deferredDone];
      this.#deferredDone += 1;
      if (entry && !this.#machine.visited.has(entry.closure.node) && this.#concerns(entry.closure))
        this.#enter(entry.closure, entry.name);
    }
  }

  /** What a module gives to others and is made by a call, such as `export const deduct = inTransaction(…)`. */
  wrapped(paths: readonly string[]): void {
    for (const path of paths) {
      for (const [name, value] of this.#modules.exportsOf(path)) {
        for (const option of optionsOf(value)) {
          if (option.kind !== "closure" || option.path === path || this.#machine.visited.has(option.node))
            continue;
          if (this.#machine.linker.concerns(this.#machine.linker.source(path))) this.#enter(option, name);
        }
      }
    }
  }

  /** Functions that were made on the way and that nobody has called. */
  inner(): void {
    for (const [node, closure] of this.#machine.closures) {
      if (!this.#machine.visited.has(node) && isFunction(node) && this.#concerns(closure))
        this.#enter(closure, closure.name);
    }
  }

  #concerns({ path, node, name }: Closure): boolean {
    const { linker } = this.#machine;
    return linker.concerns(name) || linker.concerns(linker.source(path).slice(node.start, node.end));
  }

  #closureOf(unit: Unit): Closure | undefined {
    if (unit.className !== undefined) {
      const of = this.#modules.classes(unit.path).find(({ name }) => name === unit.className);
      const own = of && findMethod(this.#machine, of, unit.name, this.#modules.instanceOf(of));
      if (own?.kind === "closure" && own.node === unit.node) return own;
      const instance = of && this.#modules.instanceOf(of);
      const field: Value | undefined = instance?.fields.get(unit.name) ?? of?.statics.get(unit.name);
      if (field?.kind === "closure") return field;
    }
    return this.#machine.closures.get(unit.node);
  }

  #enter(closure: Closure, name: string): void {
    const { node, path } = closure;
    const place = { path, start: node.start, end: node.end };
    const trace: Trace = {
      entry: { name: name === "" ? "function" : name, place, call: undefined },
      effects: [],
      tests: [],
      returned: [],
      unfollowed: [],
      ended: new Map(),
    };
    this.#at(path, false);
    const done = aside(this.#machine, trace, () => {
      const value = inline(this.#machine, closure, {
        args: [],
        place: undefined,
        self: undefined,
        unknownArgs: true,
        name: trace.entry.name,
      });
      trace.returned.push(value);
    });
    this.#at(path, true);
    const text = this.#machine.linker.source(path).slice(node.start, node.end);
    if (!done && STRONG.test(text) && WRITES.test(text)) this.tooLong.push(place);
    this.#traces.push(trace);
  }
}
