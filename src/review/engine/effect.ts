/**
 * The intermediate form that the rules query: everything that a run from one entry point does to the database and
 * to the world, in the order in which it is done, each with the conditions under which it is reached.
 */
import type { Deps, Place, Value } from "./value.ts";

export interface Assignment {
  readonly column: string;
  readonly kind: "decrement" | "increment" | "set";
  readonly value: Value;
  readonly floored: boolean;
}

export interface Condition {
  readonly column: string;
  readonly operator: "=" | "<>" | "<" | "<=" | ">" | ">=" | "in" | "null" | "not null" | "other";
  readonly value: Value | undefined;
}

/** What a call does, as its library's model reads it. */
export interface Statement {
  readonly verb:
    | "read"
    | "insert"
    | "update"
    | "delete"
    | "lock"
    | "begin"
    | "commit"
    | "rollback"
    | "serializable"
    | "unclear";
  /** In the singular; the first one is written to. Empty where it isn't known. */
  readonly tables: readonly string[];
  readonly lock?: "update" | "share" | "advisory" | "optimistic" | "conditional";
  /** Only these tables are locked. */
  readonly lockOf?: readonly string[];
  readonly assignments: readonly Assignment[];
  readonly conditions: readonly Condition[];
  /** What its answer is: a number of rows; an object that is always there; rows; one row or nothing. */
  readonly answer: "count" | "object" | "rows" | "row";
  /** It throws when no row matches. */
  readonly throwsOnNone?: boolean;
  readonly returning?: boolean;
  readonly conflict?: "ignore" | "update";
  /** The transaction that it names itself. */
  readonly through?: Value;
  /** What the library runs the statement through. */
  readonly handle: Value;
  readonly library: string;
  /** The read whose row is read again, under a lock. */
  readonly refreshes?: number;
  /** For what isn't clear: why. */
  readonly note?: string;
}

export interface Transaction {
  readonly id: number;
  /** `callback`: begins and ends with a function; `manual`: BEGIN and COMMIT; `caller`: handed in; `ambient`: found by itself. */
  readonly kind: "callback" | "manual" | "caller" | "ambient";
  serializable: boolean;
  readonly place: Place;
}

/** One condition of the way, with the side that is taken. */
export interface Guard {
  readonly test: Test;
  readonly holds: boolean;
  /** What ends it: a branch's end, the function's, or nothing but a catch. */
  readonly until: "branch" | "return" | "throw";
}

export interface Test {
  readonly id: number;
  readonly value: Value;
  readonly deps: Deps;
  readonly place: Place;
  /** The source text of the condition, with the strings that its names stand for. */
  readonly words: string;
  readonly kind: "if" | "loop" | "catch" | "switch";
  /** A branch of it ends the function or throws. */
  exits: "return" | "throw" | undefined;
  /** The order of effects at which it was made. */
  readonly at: number;
}

/** One call on the way from the entry point. */
export interface Frame {
  readonly name: string;
  readonly place: Place;
  /** Where it was called from; undefined for the entry point. */
  readonly call: Place | undefined;
}

export interface Try {
  readonly place: Place;
  /** The catch clause: what becomes of the error. */
  readonly handling: "rethrown" | "answered" | "logged" | "dropped";
}

export interface Effect {
  readonly id: number;
  readonly kind: "statement" | "external" | "call";
  readonly statement?: Statement;
  /** The name of the function or the service that is called. */
  readonly name: string;
  readonly transaction: Transaction | undefined;
  /** The transaction of the callback that it stands in, whether it uses it or not. */
  readonly enclosing: Transaction | undefined;
  readonly guards: readonly Guard[];
  readonly frames: readonly Frame[];
  readonly tries: readonly Try[];
  readonly place: Place;
  readonly args: readonly Value[];
}

export interface Trace {
  readonly entry: Frame;
  readonly effects: Effect[];
  readonly tests: Test[];
  /** What the entry point returns. */
  readonly returned: Value[];
  /** Places that can't be followed and may concern quota. */
  readonly unfollowed: { readonly place: Place; readonly why: string }[];
  /** Transactions that ended, by their id, with the number of effects before it. */
  readonly ended: Map<number, number>;
}
