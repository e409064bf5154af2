/** What the models of the libraries share. */
import type { Statement } from "../engine/effect.ts";
import type { Machine } from "../engine/machine.ts";
import { displayName, type Call, type Link, type Template, type Value } from "../engine/value.ts";
import { tableName } from "../vocabulary.ts";

export interface Chain {
  readonly value: Call;
  readonly root: Value;
  readonly links: readonly Link[];
}

/** What a chain of calls does in one library; undefined when it is none of that library's. */
export type Model = (chain: Chain, machine: Machine) => readonly Statement[] | undefined;

export type Recognisable = Call | Template;

/** The last call of one of these names. */
export function callOf(
  chain: Chain,
  ...names: readonly string[]
): (Link & { args: readonly Value[] }) | undefined {
  const found = chain.links.findLast(({ name, args }) => args !== undefined && names.includes(name ?? ""));
  return found?.args ? { ...found, args: found.args } : undefined;
}

export function callsOf(chain: Chain, ...names: readonly string[]): readonly Value[][] {
  return chain.links.flatMap(({ name, args }) =>
    args !== undefined && names.includes(name ?? "") ? [[...args]] : [],
  );
}

export function has(chain: Chain, ...names: readonly string[]): boolean {
  return callOf(chain, ...names) !== undefined;
}

/** The table that a value names: a string, a model, an entity, a table object. */
export function tableOf(value: Value | undefined): string {
  if (!value) return "";
  if (value.kind === "constant") return typeof value.value === "string" ? tableName(value.value) : "";
  if (value.kind === "call") return tableOfDefinition(value) ?? tableName(displayName(value));
  if (value.kind === "record") {
    const [first] = value.fields.values();
    return tableOf(first);
  }
  return tableName(displayName(value));
}

/** `pgTable("users", …)`, `sequelize.define("User", …)`, `mongoose.model("User", …)`: the table has that name. */
function tableOfDefinition(call: Call): string | undefined {
  const [first] = call.args;
  if (!/table$|^define$|^model$|^collection$|^entity$|^getrepository$/i.test(displayName(call)))
    return undefined;
  return first ? tableOf(first) : undefined;
}

export function statement(
  parts: Partial<Statement> & Pick<Statement, "verb" | "handle" | "library">,
): Statement {
  return { tables: [], assignments: [], conditions: [], answer: "object", ...parts };
}

/** An option such as `{ transaction: t }`, the transaction itself, or a session. */
export function through(values: readonly (Value | undefined)[]): Value | undefined {
  for (const value of values) {
    if (value?.kind !== "record") continue;
    for (const name of ["transaction", "trx", "tx", "session", "ctx", "transacting", "client"]) {
      const found = value.fields.get(name);
      if (found && !(found.kind === "constant")) return found;
    }
  }
  return undefined;
}
