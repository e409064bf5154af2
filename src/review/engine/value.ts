/**
 * What an expression may be, as far as the text says. What isn't known stays as the expression that gives it, so
 * that `trx("users").where(…).forUpdate()` is a chain of calls that the library models read. Every value carries
 * the effects that it depends on: a balance that was read remembers which read it came from.
 */
import type { Node } from "../syntax/node.ts";
import type { Scope } from "./scope.ts";

export type Deps = ReadonlySet<number>;

export const NO_DEPS: Deps = new Set();

interface Base {
  readonly deps: Deps;
}

export interface Constant extends Base {
  readonly kind: "constant";
  readonly value: string | number | bigint | boolean | null | undefined;
}

/** A string with holes: `texts` has one element more than `holes`. */
export interface Template extends Base {
  readonly kind: "template";
  readonly texts: readonly string[];
  readonly holes: readonly Value[];
  /** What stands before the back-tick, as in sql`…`. */
  readonly tag?: Value;
  readonly place: Place;
}

export interface RecordValue extends Base {
  readonly kind: "record";
  readonly fields: Map<string, Value>;
  /** More fields than these may be there. */
  open: boolean;
  readonly place: Place;
}

export interface ListValue extends Base {
  readonly kind: "list";
  readonly items: Value[];
  readonly open: boolean;
}

export interface Closure extends Base {
  readonly kind: "closure";
  readonly node: Node;
  readonly scope: Scope;
  readonly path: string;
  readonly name: string;
  readonly self?: Value | undefined;
  readonly bound?: readonly Value[];
}

export interface ClassValue extends Base {
  readonly kind: "class";
  readonly node: Node;
  readonly scope: Scope;
  readonly path: string;
  readonly name: string;
  readonly parent?: Value | undefined;
  readonly statics: Map<string, Value>;
}

export interface Instance extends Base {
  readonly kind: "instance";
  readonly of: ClassValue;
  readonly fields: Map<string, Value>;
}

export interface Get extends Base {
  readonly kind: "get";
  readonly base: Value;
  /** Undefined where it is computed from what isn't known. */
  readonly name: string | undefined;
}

export interface Call extends Base {
  readonly kind: "call";
  readonly callee: Value;
  readonly args: readonly Value[];
  readonly isNew: boolean;
  readonly place: Place;
  /** The path conditions under which it was made. */
  readonly guards: readonly number[];
}

export interface Operation extends Base {
  readonly kind: "operation";
  readonly operator: string;
  readonly operands: readonly Value[];
}

export interface Union extends Base {
  readonly kind: "union";
  readonly options: readonly Value[];
}

/** The name of a field whose own name is only known at run time. */
export const COMPUTED = "[computed]";

/** A name whose value isn't known: a parameter, an import, a global. */
export interface Unknown extends Base {
  readonly kind: "unknown";
  readonly name: string;
  readonly role: "parameter" | "import" | "global" | "element";
  /** The names in its type annotation, outermost first. */
  readonly types: readonly string[];
  /** The module that it is imported from. */
  readonly source?: string;
}

/** What an effect gives: rows, a count, an answer. */
export interface Result extends Base {
  readonly kind: "result";
  readonly effect: number;
}

export type Value =
  | Constant
  | Template
  | RecordValue
  | ListValue
  | Closure
  | ClassValue
  | Instance
  | Get
  | Call
  | Operation
  | Union
  | Unknown
  | Result;

export interface Place {
  readonly path: string;
  readonly start: number;
  readonly end: number;
}

export const UNDEFINED: Constant = constant(undefined);

export function constant(value: Constant["value"], deps: Deps = NO_DEPS): Constant {
  return { kind: "constant", value, deps };
}

export function unknown(name: string, role: Unknown["role"] = "global", deps: Deps = NO_DEPS): Unknown {
  return { kind: "unknown", name, role, types: [], deps };
}

export function operation(operator: string, operands: readonly Value[]): Operation {
  return { kind: "operation", operator, operands, deps: depsOf(operands) };
}

const MEMBERS = new WeakMap<Value, Map<string, Get>>();

/** The same member of the same thing is the same value, so that a handle is known wherever it is named. */
export function get(base: Value, name: string | undefined): Get {
  if (name === undefined) return { kind: "get", base, name, deps: base.deps };
  const known = MEMBERS.get(base) ?? new Map<string, Get>();
  MEMBERS.set(base, known);
  const member = known.get(name) ?? { kind: "get", base, name, deps: base.deps };
  known.set(name, member);
  return member;
}

/** More ways than these are one too many to follow. */
export const OPTIONS_MAX = 6;

export function union(...values: readonly Value[]): Value {
  const [sole] = values;
  if (sole && values.every((value) => value === sole)) return sole;
  const options: Value[] = [];
  for (const value of values.flatMap((entry) => (entry.kind === "union" ? entry.options : [entry]))) {
    if (!options.some((known) => same(known, value))) options.push(value);
  }
  const [first] = options;
  if (first && options.length === 1) return withDeps(first, depsOf(values));
  return { kind: "union", options: options.slice(0, OPTIONS_MAX), deps: depsOf(values) };
}

export function optionsOf(value: Value): readonly Value[] {
  return value.kind === "union" ? value.options : [value];
}

function same(left: Value, right: Value): boolean {
  if (left === right) return true;
  return left.kind === "constant" && right.kind === "constant" && Object.is(left.value, right.value);
}

export function depsOf(values: readonly Value[]): Deps {
  let deps = NO_DEPS;
  for (const value of values) deps = mergeDeps(deps, value.deps);
  return deps;
}

export function mergeDeps(left: Deps, right: Deps): Deps {
  if (right.size === 0 || left === right) return left;
  if (left.size === 0) return right;
  return new Set([...left, ...right]);
}

export function withDeps(value: Value, deps: Deps): Value {
  const merged = mergeDeps(value.deps, deps);
  // Things with an identity are compared by it, and must not be copied.
  const hasIdentity =
    value.kind !== "constant" && value.kind !== "operation" && value.kind !== "get" && value.kind !== "union";
  return merged.size === value.deps.size || hasIdentity ? value : { ...value, deps: merged };
}

/** A value that is only there under conditions: an object's fields depend on them. */
export function dependent(value: Value, deps: Deps): Value {
  if (value.kind !== "record" || deps.size === 0) return withDeps(value, deps);
  const fields = new Map([...value.fields].map(([name, entry]) => [name, dependent(entry, deps)]));
  return { ...value, fields, deps: depsOf([...fields.values()]) };
}

/** What it is in a condition; undefined where it may be both. */
export function truthiness(value: Value): boolean | undefined {
  if (value.kind === "constant") return Boolean(value.value);
  if (["record", "list", "closure", "class", "instance"].includes(value.kind)) return true;
  if (value.kind !== "union") return undefined;
  const [first, ...rest] = value.options.map(truthiness);
  return first !== undefined && rest.every((entry) => entry === first) ? first : undefined;
}

/** True when it is null or undefined, false when it can't be, undefined when it may. */
export function nullishness(value: Value): boolean | undefined {
  if (value.kind === "constant") return value.value === null || value.value === undefined;
  return truthiness(value) === true || value.kind === "template" ? false : undefined;
}

export function stringOf(value: Value | undefined): string | undefined {
  return value?.kind === "constant" && typeof value.value === "string" ? value.value : undefined;
}

export function numberOf(value: Value | undefined): number | undefined {
  if (value?.kind !== "constant") return undefined;
  return typeof value.value === "number" || typeof value.value === "bigint" ? Number(value.value) : undefined;
}

export function fieldOf(value: Value | undefined, ...names: readonly string[]): Value | undefined {
  if (value?.kind === "union") return value.options.map((option) => fieldOf(option, ...names)).find(Boolean);
  if (value?.kind !== "record") return undefined;
  for (const name of names) {
    const field = value.fields.get(name);
    if (field) return field;
  }
  return undefined;
}

/** A name to show and to judge by: the last one that stands in the text. */
export function displayName(value: Value): string {
  if (value.kind === "unknown" || value.kind === "class" || value.kind === "closure") return value.name;
  if (value.kind === "get") return value.name ?? displayName(value.base);
  if (value.kind === "call") return displayName(value.callee);
  if (value.kind === "instance") return value.of.name;
  if (value.kind === "union") return value.options.map(displayName).find((name) => name !== "") ?? "";
  return "";
}

/** The thing itself and everything that it hangs on: `a`, `a.b` and `a.b()` for `a.b().c`. */
export function* ancestors(value: Value): Generator<Value> {
  let current: Value | undefined = value;
  while (current) {
    yield current;
    if (current.kind === "get") current = current.base;
    else if (current.kind === "call") current = current.callee;
    else if (current.kind === "template") current = current.tag;
    else return;
  }
}

export interface Link {
  /** Undefined where it is computed; empty where the thing itself is called. */
  readonly name: string | undefined;
  /** Undefined where it isn't called. */
  readonly args: readonly Value[] | undefined;
  readonly call?: Call;
}

/** A chain of calls and members from its root on. */
export function chainOf(value: Value): { root: Value; links: Link[] } {
  const links: Link[] = [];
  let current = value;
  for (;;) {
    if (current.kind === "call") {
      const call = current;
      const callee: Value = call.callee;
      if (callee.kind === "get") {
        links.push({ name: callee.name, args: call.args, call });
        current = callee.base;
      } else {
        links.push({ name: "", args: call.args, call });
        current = callee;
      }
    } else if (current.kind === "get") {
      links.push({ name: current.name, args: undefined });
      current = current.base;
    } else break;
  }
  return { root: current, links: links.reverse() };
}
