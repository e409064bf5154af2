/** What one SQL statement does: which rows it reads, locks and writes, and under which conditions. */
import type { Token } from "./tokens.ts";

/** An expression: where it gets its value from. */
export interface Expression {
  readonly tokens: readonly Token[];
}

export interface SqlAssignment {
  readonly column: string;
  /** By how much the column's own value changes, or `set`: any other value. */
  readonly kind: "decrement" | "increment" | "set";
  /** The amount, or the new value. */
  readonly value: Expression;
  /** The result is kept from falling below zero, as by GREATEST(0, …). */
  readonly floored: boolean;
}

export interface SqlCondition {
  readonly column: string;
  /** `other` where the comparison isn't one of a column with a value. */
  readonly operator: "=" | "<>" | "<" | "<=" | ">" | ">=" | "in" | "null" | "not null" | "other";
  readonly value: Expression;
}

export interface SqlStatement {
  readonly verb:
    | "read"
    | "update"
    | "insert"
    | "delete"
    | "begin"
    | "commit"
    | "rollback"
    | "savepoint"
    | "lock"
    | "serializable"
    | "call"
    | "schema"
    | "other";
  /** As written, the first is the one that is written to; a token that is a parameter can't be named. */
  readonly tables: readonly Token[];
  /** Every name that the statement gives to a table, to the table's name. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly lock?: "update" | "share" | "advisory";
  /** Aliases or names after OF: only these tables are locked. */
  readonly lockOf: readonly string[];
  readonly assignments: readonly SqlAssignment[];
  readonly conditions: readonly SqlCondition[];
  readonly returning: boolean;
  readonly conflict?: "ignore" | "update";
  /** The routine of a CALL or of a SELECT without FROM. */
  readonly routine?: string;
  readonly start: number;
  readonly end: number;
}
