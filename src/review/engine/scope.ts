/** Names and their values, innermost first. Changes are logged, so that two ways can be tried and joined. */
import { union, type Value } from "./value.ts";

export interface Change {
  readonly scope: Scope;
  readonly name: string;
  readonly before: Value | undefined;
}

export interface Scope {
  readonly values: Map<string, Value>;
  readonly outer: Scope | undefined;
  readonly path: string;
}

export function newScope(path: string, outer?: Scope): Scope {
  return { values: new Map(), outer, path };
}

export function lookUp(scope: Scope, name: string): Value | undefined {
  for (let at: Scope | undefined = scope; at; at = at.outer) {
    const value = at.values.get(name);
    if (value) return value;
  }
  return undefined;
}

/** All changes of names since the beginning of an evaluation. */
export class ChangeLog {
  readonly #changes: Change[] = [];

  declare(scope: Scope, name: string, value: Value): void {
    this.#changes.push({ scope, name, before: scope.values.get(name) });
    scope.values.set(name, value);
  }

  assign(scope: Scope, name: string, value: Value): void {
    let at: Scope | undefined = scope;
    while (at && !at.values.has(name)) at = at.outer;
    this.declare(at ?? scope, name, value);
  }

  mark(): number {
    return this.#changes.length;
  }

  /** Takes back what was changed since the mark, and says what it was changed to. */
  rewind(mark: number): Map<Scope, Map<string, Value>> {
    const after = new Map<Scope, Map<string, Value>>();
    while (this.#changes.length > mark) {
      const change = this.#changes.pop();
      if (!change) break;
      const { scope, name, before } = change;
      const names = after.get(scope) ?? new Map<string, Value>();
      const now = scope.values.get(name);
      if (!names.has(name) && now) names.set(name, now);
      after.set(scope, names);
      if (before) scope.values.set(name, before);
      else scope.values.delete(name);
    }
    return after;
  }

  /** Sets what one of several ways has left behind; `undefined` stands for a way that isn't gone on. */
  join(ways: readonly (Map<Scope, Map<string, Value>> | undefined)[]): void {
    const open = ways.filter((way) => way !== undefined);
    const keys = new Map<Scope, Set<string>>();
    for (const way of open) {
      for (const [scope, names] of way)
        keys.set(scope, new Set([...(keys.get(scope) ?? []), ...names.keys()]));
    }
    for (const [scope, names] of keys) {
      for (const name of names) {
        const values = open.map((way) => way.get(scope)?.get(name) ?? scope.values.get(name));
        const known = values.filter((value) => value !== undefined);
        if (known.length > 0) this.declare(scope, name, union(...known));
      }
    }
  }
}
