/** Stored procedures, functions and scripts: their statements in order, with the conditions under which each is reached. */
import type { Effect, Frame, Guard, Statement, Test, Trace, Transaction } from "../engine/effect.ts";
import {
  constant,
  depsOf,
  get,
  NO_DEPS,
  operation,
  unknown,
  type Place,
  type Value,
} from "../engine/value.ts";
import { MAY_CONCERN_QUOTA, tableName } from "../vocabulary.ts";
import { readStatement } from "./read.ts";
import type { SqlStatement } from "./statement.ts";
import { findTop, is, splitTop, type Token } from "./tokens.ts";
import { unwrap } from "./read-expression.ts";

type Exit = "return" | "throw" | undefined;

export interface Routine {
  readonly path: string;
  readonly source: string;
  readonly name: string;
  readonly tokens: readonly Token[];
  /** A function of PostgreSQL always runs in a transaction. */
  readonly inTransaction: boolean;
  /** Its last statement is what it gives: a function in the language SQL. */
  readonly givesLast?: boolean;
}

export function traceOf(routine: Routine): Trace {
  const reader = new RoutineReader(routine);
  reader.all();
  return reader.trace;
}

class RoutineReader {
  readonly trace: Trace;
  readonly #routine: Routine;
  readonly #tokens: readonly Token[];
  readonly #variables = new Map<string, Value>();
  readonly #frame: Frame;
  readonly #cursors = new Map<string, readonly Token[]>();
  #guards: Guard[] = [];
  #transaction: Transaction | undefined;
  #lastWrite: Value | undefined;

  constructor(routine: Routine) {
    this.#routine = routine;
    this.#tokens = routine.tokens;
    const place = this.#place(routine.tokens);
    this.#frame = { name: routine.name, place, call: undefined };
    this.trace = {
      entry: this.#frame,
      effects: [],
      tests: [],
      returned: [],
      unfollowed: [],
      ended: new Map(),
    };
    if (routine.inTransaction) this.#transaction = { id: 1, kind: "manual", serializable: false, place };
  }

  #place(tokens: readonly Token[]): Place {
    return { path: this.#routine.path, start: tokens[0]?.start ?? 0, end: tokens.at(-1)?.end ?? 0 };
  }

  /** Everything; what stands behind an end that isn't understood isn't passed in silence. */
  all(): void {
    const { at } = this.block(0);
    const rest = this.#tokens.slice(at);
    if (this.#routine.givesLast && this.#lastWrite) this.trace.returned.push(this.#lastWrite);
    if (is(rest[0], "EXCEPTION") || !rest.some((token) => is(token, "UPDATE")) || !this.#concernsQuota())
      return;
    this.#unfollowed(rest, "the rest of this routine is written in a way that isn't understood");
  }

  #concernsQuota(): boolean {
    const { start, end } = this.#place(this.#tokens);
    return MAY_CONCERN_QUOTA.test(this.#routine.source.slice(start, end));
  }

  #unfollowed(tokens: readonly Token[], why: string): void {
    this.trace.unfollowed.push({ place: this.#place(tokens), why });
  }

  /** Reads statements up to a word that ends the block; says where it ended, and how the last one left. */
  block(from: number): { at: number; exit: Exit } {
    let at = from;
    let exit: Exit;
    while (at < this.#tokens.length) {
      const token = this.#tokens[at];
      if (is(token, "END", "ELSE", "ELSEIF", "ELSIF", "UNTIL", "WHEN", "EXCEPTION") && this.#endsBlock(at))
        break;
      const next = this.#statement(at);
      exit = next.exit ?? exit;
      at = Math.max(next.at, at + 1);
    }
    return { at, exit };
  }

  /** In a script END is a COMMIT. */
  #endsBlock(at: number): boolean {
    return !(is(this.#tokens[at], "END") && this.#routine.name === SCRIPT);
  }

  #statement(at: number): { at: number; exit: Exit } {
    const token = this.#tokens[at];
    if (is(token, ";")) return { at: at + 1, exit: undefined };
    if (is(token, "IF")) return this.#if(at);
    // CASE … WHEN … THEN: one condition after the other.
    if (is(token, "CASE")) return this.#if(findTop(this.#tokens, at + 1, "WHEN"));
    if (is(token, "LOOP", "WHILE", "REPEAT", "FOR")) return this.#loop(at);
    if (
      is(token, "BEGIN") &&
      !is(this.#tokens[at + 1], ";", "TRANSACTION", "WORK") &&
      this.#routine.name !== SCRIPT
    )
      return this.#inner(at + 1);
    if (is(this.#tokens[at + 1], ":") && is(this.#tokens[at + 2], "BEGIN", "LOOP", "WHILE", "REPEAT"))
      return { at: at + 2, exit: undefined };
    if (is(token, "DECLARE") && is(this.#tokens[at + 2], "HANDLER")) return this.#handler(at);
    const end = this.#endOf(at);
    const own = this.#tokens.slice(at, end);
    return { at: end + 1, exit: this.#simple(own) };
  }

  #endOf(at: number): number {
    return findTop(this.#tokens, at, ";");
  }

  #inner(at: number): { at: number; exit: Exit } {
    const body = this.block(at);
    let end = body.at;
    // An EXCEPTION clause runs instead of what was undone: it is passed over.
    if (is(this.#tokens[end], "EXCEPTION"))
      while (
        end < this.#tokens.length &&
        !(is(this.#tokens[end], "END") && !is(this.#tokens[end + 1], "IF", "LOOP", "CASE"))
      )
        end += 1;
    return { at: this.#endOf(end) + 1, exit: body.exit };
  }

  /** DECLARE … HANDLER FOR … BEGIN … END: what it does isn't on the way. */
  #handler(at: number): { at: number; exit: Exit } {
    const begin = findTop(this.#tokens, at, "BEGIN", ";");
    if (!is(this.#tokens[begin], "BEGIN")) return { at: begin + 1, exit: undefined };
    let end = begin;
    while (end < this.#tokens.length && !is(this.#tokens[end], "END")) end += 1;
    return { at: this.#endOf(end) + 1, exit: undefined };
  }

  #if(at: number): { at: number; exit: Exit } {
    const then = findTop(this.#tokens, at, "THEN");
    const condition = this.#tokens.slice(at + 1, then);
    const test = this.#test(condition);
    const first = this.#under({ test, holds: true, until: "branch" }, () => this.block(then + 1));
    let end = first.at;
    let otherwise: Exit;
    if (is(this.#tokens[end], "ELSEIF", "ELSIF", "WHEN")) {
      const next = end;
      const rest = this.#under({ test, holds: false, until: "branch" }, () => this.#if(next));
      end = rest.at;
      otherwise = rest.exit;
      if (first.exit && !otherwise) this.#leave(test, false, first.exit);
      return { at: end, exit: first.exit && otherwise };
    }
    if (is(this.#tokens[end], "ELSE")) {
      const next = end + 1;
      const rest = this.#under({ test, holds: false, until: "branch" }, () => this.block(next));
      end = rest.at;
      otherwise = rest.exit;
    }
    if (first.exit && !otherwise) this.#leave(test, false, first.exit);
    if (otherwise && !first.exit) this.#leave(test, true, otherwise);
    return { at: this.#endOf(end) + 1, exit: first.exit && otherwise };
  }

  #leave(test: Test, holds: boolean, exit: "return" | "throw"): void {
    test.exits = exit;
    this.#guards.push({ test, holds, until: exit });
  }

  #loop(at: number): { at: number; exit: Exit } {
    const start = is(this.#tokens[at], "LOOP", "REPEAT") ? at : findTop(this.#tokens, at, "DO", "LOOP");
    const rows = is(this.#tokens[at], "FOR") ? this.#rowsOf(this.#tokens.slice(at + 1, start)) : undefined;
    const test = this.#test(rows === undefined ? this.#tokens.slice(at, start) : [], "loop", rows);
    const body = this.#under({ test, holds: true, until: "branch" }, () => this.block(start + 1));
    return { at: this.#endOf(body.at) + 1, exit: undefined };
  }

  /** `FOR r IN SELECT … LOOP`. */
  #rowsOf(tokens: readonly Token[]): Value | undefined {
    const at = findTop(tokens, 0, "IN");
    const [name] = tokens;
    const query = unwrap(tokens.slice(at + 1));
    if (!is(query[0], "SELECT", "EXECUTE", "WITH", "UPDATE") || !name) return undefined;
    this.#run(query);
    const rows = this.#lastWrite;
    if (rows) this.#variables.set(name.text.toLowerCase(), rows);
    return rows;
  }

  #under<T>(guard: Guard, run: () => T): T {
    const before = this.#guards;
    this.#guards = [...before, guard];
    const result = run();
    this.#guards = before;
    return result;
  }

  #test(tokens: readonly Token[], kind: Test["kind"] = "if", known?: Value): Test {
    const value = known ?? this.#value(tokens);
    const place = this.#place(tokens);
    const test: Test = {
      id: this.trace.tests.length,
      value,
      deps: value.deps,
      place,
      kind,
      exits: undefined,
      words: this.#routine.source.slice(place.start, place.end),
      at: this.trace.effects.length,
    };
    this.trace.tests.push(test);
    return test;
  }

  #simple(tokens: readonly Token[]): Exit {
    const [first] = tokens;
    if (is(first, "RETURN")) return this.#return(tokens.slice(1));
    if (is(first, "LEAVE", "EXIT", "ITERATE", "CONTINUE")) return is(first, "LEAVE") ? "return" : undefined;
    if (is(first, "SIGNAL", "RESIGNAL")) return "throw";
    if (is(first, "RAISE"))
      return is(tokens[1], "NOTICE", "WARNING", "INFO", "LOG", "DEBUG") ? undefined : "throw";
    if (this.#cursor(tokens)) return undefined;
    if (is(first, "GET") || (is(first, "SET") && !is(tokens[1], "TRANSACTION", "SESSION", "LOCAL")))
      this.#assign(tokens.slice(1));
    else if (is(tokens[1], ":=") || (is(tokens[1], ".") && is(tokens[3], ":=")) || is(first, "DECLARE"))
      this.#assign(tokens);
    else this.#run(tokens);
    return undefined;
  }

  /** RETURN QUERY gives rows, and goes on. */
  #return(tokens: readonly Token[]): Exit {
    const isQuery = is(tokens[0], "QUERY");
    if (isQuery) this.#run(tokens.slice(1));
    const value = isQuery ? this.#lastWrite : this.#value(tokens);
    if (value) this.trace.returned.push(value);
    return isQuery || is(tokens[0], "NEXT") ? undefined : "return";
  }

  /** DECLARE c CURSOR FOR SELECT …; OPEN c; FETCH c INTO v. True when it was one of these. */
  #cursor(tokens: readonly Token[]): boolean {
    const [first, second] = tokens;
    const at = findTop(tokens, 0, "CURSOR");
    const query = findTop(tokens, at, "FOR", "IS");
    if (at <= 3 && query < tokens.length) {
      this.#cursors.set(tokens[at - 1]?.text.toLowerCase() ?? "", tokens.slice(query + 1));
      return true;
    }
    if (is(first, "OPEN")) {
      const own = this.#cursors.get(second?.text.toLowerCase() ?? "");
      if (own) this.#run(own);
      return own !== undefined;
    }
    const into = findTop(tokens, 0, "INTO");
    const result = this.#lastWrite;
    if (!is(first, "FETCH") || into === tokens.length || !result) return false;
    for (const name of this.#targets(tokens, into).names) this.#variables.set(name, get(result, name));
    return true;
  }

  /** `v := …`, `SET v = …`, `GET DIAGNOSTICS v = ROW_COUNT`, `DECLARE v INT DEFAULT …`. */
  #assign(tokens: readonly Token[]): void {
    const at = findTop(tokens, 0, ":=", "=", "DEFAULT");
    const name = is(tokens[0], "DECLARE") ? tokens[1] : tokens[at - 1];
    if (!name || at === tokens.length) return;
    this.#variables.set(name.text.toLowerCase(), this.#value(tokens.slice(at + 1)));
  }

  #run(tokens: readonly Token[]): void {
    const [first] = tokens;
    const plain = is(first, "PERFORM") && first ? [{ ...first, text: "SELECT" }, ...tokens.slice(1)] : tokens;
    const into = findTop(plain, 0, "INTO");
    const isInsert = is(first, "INSERT", "REPLACE", "MERGE");
    const targets = into < plain.length && !isInsert ? this.#targets(plain, into) : undefined;
    const statements = readStatement(
      targets ? [...plain.slice(0, into), ...plain.slice(targets.end)] : plain,
    );
    if (is(first, "EXECUTE", "PREPARE") && this.#concernsQuota()) {
      this.#unfollowed(tokens, "the SQL that is executed here is only known at run time");
      return;
    }
    for (const statement of statements) this.#record(statement, tokens);
    const result = this.#lastWrite;
    if (!targets || !result) return;
    const columns = splitTop(plain.slice(1, Math.min(into, findTop(plain, 1, "FROM"))), ",").map(
      (part) => part.at(-1)?.text ?? "",
    );
    targets.names.forEach((name, at) => {
      this.#variables.set(
        name,
        targets.names.length === 1 && columns[0] === "*" ? result : get(result, columns[at] ?? "value"),
      );
    });
  }

  #targets(tokens: readonly Token[], into: number): { names: string[]; end: number } {
    let end = is(tokens[into + 1], "STRICT") ? into + 2 : into + 1;
    const names: string[] = [];
    while (
      tokens[end] &&
      (tokens[end]?.kind === "word" || tokens[end]?.kind === "param" || tokens[end]?.kind === "name")
    ) {
      names.push(tokens[end]?.text.toLowerCase() ?? "");
      end += 1;
      if (!is(tokens[end], ",")) break;
      end += 1;
    }
    return { names, end };
  }

  #record(read: SqlStatement, tokens: readonly Token[]): void {
    if (read.verb === "begin")
      this.#transaction = {
        id: this.trace.effects.length + 2,
        kind: "manual",
        serializable: false,
        place: this.#place(tokens),
      };
    if (read.verb === "serializable" && this.#transaction) this.#transaction.serializable = true;
    if (read.verb === "commit" || read.verb === "rollback") {
      // Inside of a branch that leaves, the way that goes on is still in the transaction.
      if (this.#guards.every(({ until }) => until !== "branch")) this.#transaction = undefined;
    }
    if (!["read", "update", "insert", "delete", "lock"].includes(read.verb)) return;
    const id = this.trace.effects.length;
    const effect: Effect = {
      id,
      kind: "statement",
      name: "sql",
      statement: this.#statementOf(read),
      transaction: this.#transaction,
      enclosing: undefined,
      guards: [...this.#guards],
      frames: [this.#frame],
      tries: [],
      place: { path: this.#routine.path, start: read.start, end: read.end },
      args: [],
    };
    this.trace.effects.push(effect);
    this.#lastWrite = { kind: "result", effect: id, deps: new Set([id]) };
  }

  #statementOf(read: SqlStatement): Statement {
    const verb = read.verb as "read" | "update" | "insert" | "delete" | "lock";
    return {
      verb,
      tables: read.tables.map(({ text }) => tableName(text)),
      assignments: read.assignments.map((entry) => ({ ...entry, value: this.#value(entry.value.tokens) })),
      conditions: read.conditions.map((entry) => ({ ...entry, value: this.#value(entry.value.tokens) })),
      answer: "count",
      returning: read.returning,
      handle: unknown("sql"),
      library: "sql",
      lockOf: read.lockOf.map((name) => tableName(read.aliases.get(name) ?? name)),
      ...(read.lock ? { lock: read.lock } : {}),
      ...(read.conflict ? { conflict: read.conflict } : {}),
    };
  }

  /** An expression over variables; a select in it is carried out. */
  #value(tokens: readonly Token[]): Value {
    const inner = unwrap(tokens);
    const [first, second] = inner;
    if (!first) return constant(undefined);
    if (is(first, "NOT")) return operation("!", [this.#value(inner.slice(1))]);
    for (const operators of [["OR"], ["AND"], ["<", "<=", ">", ">=", "=", "<>", "!="], ["-", "+"]]) {
      const at = findTop(inner, 1, ...operators);
      if (at < inner.length) {
        return operation(inner[at]?.text.toLowerCase() ?? "", [
          this.#value(inner.slice(0, at)),
          this.#value(inner.slice(at + 1)),
        ]);
      }
    }
    if (is(first, "EXISTS")) return this.#value(inner.slice(1));
    if (is(first, "SELECT")) {
      this.#run(inner);
      return this.#lastWrite ?? unknown("select");
    }
    if (is(first, "FOUND", "ROW_COUNT"))
      return this.#lastWrite ? get(this.#lastWrite, "rowCount") : unknown("row_count");
    if (!second) return this.#word(first);
    if (is(second, ".")) return get(this.#word(first), inner[2]?.text ?? "");
    const values = inner
      .filter(({ kind }) => kind === "word" || kind === "param")
      .map((token) => this.#word(token));
    return { ...operation("sql", values), deps: depsOf(values) };
  }

  #word(token: Token): Value {
    if (token.kind === "number") return constant(Number(token.text));
    if (token.kind === "string") return constant(token.text.slice(1, -1));
    return this.#variables.get(token.text.toLowerCase()) ?? { ...unknown(token.text), deps: NO_DEPS };
  }
}

/** The name of what stands in a file outside of routines. */
export const SCRIPT = "script";
