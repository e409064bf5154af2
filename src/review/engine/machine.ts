/** The state of one evaluation, and what its parts ask of each other. */
import type { Node } from "../syntax/node.ts";
import type { Effect, Frame, Guard, Statement, Test, Trace, Transaction, Try } from "./effect.ts";
import { ChangeLog, type Scope } from "./scope.ts";
import {
  ancestors,
  optionsOf,
  truthiness,
  type Call,
  type Closure,
  type Deps,
  type Place,
  type Template,
  type Value,
} from "./value.ts";

/** How a statement ends when what follows it isn't reached. */
export type Completion = "return" | "throw" | "break" | "continue" | undefined;

export interface Activation {
  readonly node: Node | undefined;
  readonly self: Value | undefined;
  readonly returns: Value[];
  /** Number of guards when it began. */
  readonly guardsBefore: number;
}

/** What the evaluation knows of the files, beyond one file. */
export interface Linker {
  /** The value of a name that is imported; undefined where the module isn't among the files. */
  imported(from: string, specifier: string, name: string): Value | undefined;
  /** True for a relative path that isn't among the files. */
  isMissing(from: string, specifier: string): boolean;
  /** A class among the files by its name, for fields whose type says what they are. */
  instanceOfType(name: string): Value | undefined;
  source(path: string): string;
  /** Whether a text may concern quota. */
  concerns(text: string): boolean;
  /** Some file switches on transactions that statements find by themselves. */
  readonly ambientTransactions: boolean;
}

export interface Machine {
  readonly linker: Linker;
  log: ChangeLog;
  trace: Trace;
  guards: Guard[];
  frames: Frame[];
  activations: Activation[];
  tries: Try[];
  open: ReadonlyMap<Value, Transaction>;
  enclosing: Transaction[];
  ambient: Transaction[];
  /** What a chain of calls has given when it was carried out. */
  settled: Map<Value, Value>;
  /** Properties that were set on rows, until they are saved. */
  pending: Map<Value, Map<string, Value>>;
  /** Function nodes whose body was evaluated. */
  readonly visited: Set<Node>;
  /** Whether a function is worth being followed, as far as that was asked. */
  readonly worthwhile: Map<Node, boolean>;
  /** Closures that were made, by their node. */
  readonly closures: Map<Node, Closure>;
  /** Functions that run later, by themselves. */
  readonly deferred: { closure: Closure; name: string; place: Place }[];
  /** What the modules do when they are loaded. */
  readonly moduleTraces: Trace[];
  /** True when the last call is known to throw. */
  thrown: boolean;
  steps: number;
  evaluate(node: Node, scope: Scope): Value;
  execute(node: Node, scope: Scope): Completion;
  invoke(call: Invocation): Value;
  member(base: Value, name: string | undefined): Value;
  settle(value: Value): Value;
  bind(pattern: Node, value: Value, scope: Scope): void;
  recognise(value: Call | Template): readonly Statement[];
}

export interface Invocation {
  readonly callee: Value;
  readonly args: readonly Value[];
  readonly self?: Value | undefined;
  readonly isNew?: boolean;
  readonly place: Place;
}

/** An entry point that takes more steps than this isn't followed to its end. */
const STEPS_MAX = 60_000;

export class TooManySteps extends Error {}

export function step(machine: Machine): void {
  machine.steps += 1;
  if (machine.steps > STEPS_MAX) throw new TooManySteps("too many steps");
}

/** Runs something that has nothing to do with the place where the evaluation stands; false when it took too long. */
export function aside(machine: Machine, trace: Trace, run: () => void): boolean {
  const {
    guards,
    frames,
    activations,
    tries,
    open,
    enclosing,
    ambient,
    pending,
    thrown,
    steps,
    settled,
    log,
  } = machine;
  const outer = machine.trace;
  Object.assign(machine, {
    trace,
    guards: [],
    frames: [],
    activations: [],
    tries: [],
    open: new Map(),
    enclosing: [],
    ambient: [],
    pending: new Map(),
    thrown: false,
    steps: 0,
    settled: new Map(),
    log: new ChangeLog(),
  });
  let done = true;
  try {
    run();
  } catch (error) {
    if (!(error instanceof TooManySteps) && !(error instanceof RangeError)) throw error;
    done = false;
  }
  Object.assign(machine, {
    guards,
    frames,
    activations,
    tries,
    open,
    enclosing,
    ambient,
    pending,
    thrown,
    settled,
    log,
    trace: outer,
  });
  machine.steps = steps;
  return done;
}

export function placeOf(scope: { readonly path: string }, node: Node): Place {
  return { path: scope.path, start: node.start, end: node.end };
}

export function addTest(machine: Machine, made: { value: Value; place: Place; kind: Test["kind"] }): Test {
  const { value, place, kind } = made;
  let words: string | undefined;
  const test: Test = {
    id: machine.trace.tests.length,
    value,
    deps: value.deps,
    place,
    kind,
    exits: undefined,
    at: machine.trace.effects.length,
    // Most conditions are never asked for their words.
    get words() {
      const source = machine.linker
        .source(place.path)
        .slice(place.start, Math.min(place.end, place.start + WORDS_MAX));
      words ??= `${source} ${stringsOf(value).join(" ")}`;
      return words;
    },
  };
  machine.trace.tests.push(test);
  return test;
}

/** Longer conditions are read up to here. */
const WORDS_MAX = 2000;

/** The constant strings that a value is made of. */
export function stringsOf(value: Value, depth = 0): string[] {
  if (depth > 4) return [];
  const deeper = (values: readonly Value[]): string[] =>
    values.flatMap((entry) => stringsOf(entry, depth + 1));
  switch (value.kind) {
    case "constant":
      return typeof value.value === "string" ? [value.value] : [];
    case "template":
      return [...value.texts];
    case "list":
      return deeper(value.items);
    case "union":
      return deeper(value.options);
    case "operation":
      return deeper(value.operands);
    case "call":
      return [...deeper(value.args), ...stringsOf(value.callee, depth + 1)];
    case "get":
      return stringsOf(value.base, depth + 1);
    case "record":
      return deeper([...value.fields.values()]);
    case "closure":
    case "class":
    case "instance":
    case "unknown":
    case "result":
      break;
  }
  return [];
}

export function addEffect(
  machine: Machine,
  parts: Pick<Effect, "kind" | "name" | "place" | "args"> & Partial<Effect>,
): Effect {
  const effect: Effect = {
    id: machine.trace.effects.length,
    transaction: undefined,
    enclosing: machine.enclosing.at(-1) ?? openByHand(machine),
    guards: [...machine.guards],
    frames: [...machine.frames],
    tries: [...machine.tries],
    ...parts,
  };
  machine.trace.effects.push(effect);
  return effect;
}

/** A transaction that was begun by BEGIN, and not yet ended. */
function openByHand(machine: Machine): Transaction | undefined {
  return [...machine.open.values()].findLast(({ kind }) => kind === "manual");
}

export function unfollowed(machine: Machine, place: Place, why: string): void {
  machine.trace.unfollowed.push({ place, why });
}

export function newTransaction(
  machine: Machine,
  kind: Transaction["kind"],
  place: Place,
  serializable = false,
): Transaction {
  machine.steps += 1;
  return { id: machine.steps, kind, serializable, place };
}

/** As `truthiness`; a handle that a transaction has given is there. */
export function truth(machine: Machine, value: Value): boolean | undefined {
  if (value.kind === "operation" && value.operator === "!" && value.operands[0]) {
    const inner = truth(machine, value.operands[0]);
    return inner === undefined ? undefined : !inner;
  }
  return machine.open.has(value) ? true : truthiness(value);
}

const CALLERS_TRANSACTION =
  /^(?:tx|trx|txn|t|transaction|.*(?:Trx|Tx|Txn|Transaction)|manager|.*entityManager|em|queryRunner|qr|session|client|conn|connection)$/i;
const TRANSACTION_TYPE =
  /TransactionClient|^Transaction|Transaction$|EntityManager|QueryRunner|PoolClient|PoolConnection|ClientSession|TransactionSql/;
const STORE = /^(?:getStore|getTransaction|currentTransaction|getCurrentTransaction|getTx|currentTx)$/;

/** The open transaction that a handle belongs to. */
export function transactionOf(machine: Machine, handle: Value | undefined): Transaction | undefined {
  if (!handle) return undefined;
  for (const option of optionsOf(handle)) {
    for (const value of ancestors(option)) {
      const known = machine.open.get(value) ?? callersTransaction(machine, value);
      if (known) return known;
      if (value.kind === "union" && value !== handle) return transactionOf(machine, value);
    }
  }
  return undefined;
}

function callersTransaction(machine: Machine, value: Value): Transaction | undefined {
  if (value.kind === "call" && value.callee.kind !== "call") {
    const name =
      value.callee.kind === "get"
        ? (value.callee.name ?? "")
        : value.callee.kind === "unknown"
          ? value.callee.name
          : "";
    if (STORE.test(name) && machine.enclosing.length > 0) return machine.enclosing.at(-1);
  }
  if (value.kind !== "unknown" || value.role !== "parameter") return undefined;
  const typed = value.types.some((type) => TRANSACTION_TYPE.test(type));
  const outer = value.types.some((type) => /Pool$|Service$|DataSource|^Knex$|PrismaClient$/.test(type));
  if (!typed && (outer || !CALLERS_TRANSACTION.test(value.name))) return undefined;
  // An entity manager that was injected into a class is everybody's, not a caller's.
  if (!typed && value.name.toLowerCase() !== "t" && machine.trace.entry.name === "") return undefined;
  const transaction = newTransaction(machine, "caller", machine.trace.entry.place);
  machine.open = new Map([...machine.open, [value, transaction]]);
  return transaction;
}

export function depsOfGuards(machine: Machine): Deps {
  const deps = new Set<number>();
  const before = machine.activations.at(-1)?.guardsBefore ?? 0;
  for (const { test } of machine.guards.slice(before)) for (const dep of test.deps) deps.add(dep);
  return deps;
}
