/** Objects that say which rows and which values: `{ credits: { gte: 1 } }`, `{ credits: { decrement: 1 } }`. */
import type { Assignment, Condition } from "../engine/effect.ts";
import { COMPUTED, fieldOf, operation, optionsOf, type Value } from "../engine/value.ts";
import { displayName } from "../engine/value.ts";
import { changeByText, conditionsByText } from "./sql-text.ts";

const OPERATORS: Readonly<Record<string, Condition["operator"]>> = {
  gte: ">=",
  $gte: ">=",
  gt: ">",
  $gt: ">",
  lte: "<=",
  $lte: "<=",
  lt: "<",
  $lt: "<",
  not: "<>",
  ne: "<>",
  $ne: "<>",
  in: "in",
  $in: "in",
  equals: "=",
  eq: "=",
  $eq: "=",
  MoreThanOrEqual: ">=",
  MoreThan: ">",
  LessThan: "<",
  LessThanOrEqual: "<=",
  Equal: "=",
  Not: "<>",
  In: "in",
  IsNull: "null",
  is: "=",
  isNull: "null",
  $exists: "other",
  has: "other",
};

const GROUPS = new Set(["AND", "$and", "and"]);

/** All conditions of a `where` object that must hold. */
export function conditionsFrom(where: Value | undefined): Condition[] {
  if (!where) return [];
  if (where.kind === "list") return where.items.length === 1 ? conditionsFrom(where.items[0]) : [];
  if (where.kind === "call" || where.kind === "template") return conditionsFromCall(where);
  if (where.kind !== "record") return [];
  return [...where.fields].flatMap(([name, value]): Condition[] => {
    if (GROUPS.has(name))
      return value.kind === "list"
        ? value.items.flatMap((item) => conditionsFrom(item))
        : conditionsFrom(value);
    if (name === "OR" || name === "$or" || name === "or") return [];
    return fieldConditions(name, value);
  });
}

function fieldConditions(column: string, value: Value): Condition[] {
  if (value.kind === "record") {
    const known = [...value.fields].flatMap(([name, inner]): Condition[] => {
      const operator = OPERATORS[name];
      return operator ? [{ column, operator, value: inner }] : [];
    });
    // A compound key, as `userId_featureId: { userId, featureId }`, or a relation.
    return known.length > 0 ? known : conditionsFrom(value);
  }
  if (value.kind === "call") {
    const operator = OPERATORS[displayName(value)];
    if (operator) return [{ column, operator, value: value.args[0] }];
  }
  return [{ column, operator: value.kind === "constant" && value.value === null ? "null" : "=", value }];
}

/** `and(eq(users.id, id), gte(users.credits, 1))` and SQL by hand. */
export function conditionsFromCall(value: Value | undefined): Condition[] {
  if (value?.kind === "template") return conditionsByText(value, []);
  if (value?.kind !== "call") return [];
  const name = displayName(value);
  if (name === "and" || name === "And") {
    return value.args.flatMap((argument) =>
      argument.kind === "list"
        ? argument.items.flatMap((item) => conditionsFromCall(item))
        : conditionsFromCall(argument),
    );
  }
  if (name === "or" || name === "Or") return [{ column: "", operator: "other", value: undefined }];
  if (name === "literal" || name === "raw" || name === "Raw" || name === "sql")
    return conditionsByText(value.args[0], value.args.slice(1));
  if (name === "where" && value.args.length === 2)
    return fieldConditions(columnName(value.args[0]), value.args[1] ?? operation("", []));
  const column = columnName(value.args[0]);
  // Kysely's `eb("credits", ">=", 1)`.
  const sign = value.args[1]?.kind === "constant" ? String(value.args[1].value) : "";
  if (value.args.length === 3 && column !== "")
    return [{ column, operator: signOf(sign), value: value.args[2] }];
  const operator = OPERATORS[name] ?? "other";
  return [{ column, operator, value: value.args[1] }];
}

export function signOf(sign: string): Condition["operator"] {
  const known = ["=", "<>", "<", "<=", ">", ">=", "in"] as const;
  if (sign === "!=" || sign === "is not") return "<>";
  if (sign === "is") return "null";
  return known.find((operator) => operator === sign.toLowerCase()) ?? "other";
}

export function columnName(value: Value | undefined): string {
  if (!value) return "";
  if (value.kind === "constant")
    return typeof value.value === "string" ? (value.value.split(".").at(-1)?.trim() ?? "") : "";
  if (value.kind === "get") return value.name ?? "";
  return value.kind === "call" ? columnName(value.args[0]) : "";
}

/** The columns that a value names: one of several, or one that is only known at run time. */
export function columnNames(value: Value | undefined): string[] {
  return value === undefined ? [COMPUTED] : optionsOf(value).map((option) => columnName(option) || COMPUTED);
}

/** The values that an object gives to columns. */
export function assignmentsFrom(data: Value | undefined, lazy?: (value: Value) => Value): Assignment[] {
  if (!data) return [];
  if (data.kind === "union") return data.options.flatMap((option) => assignmentsFrom(option, lazy));
  if (data.kind === "list") return data.items.flatMap((item) => assignmentsFrom(item, lazy));
  if (data.kind !== "record") return [];
  return [...data.fields].flatMap(([name, value]): Assignment[] => {
    if (name.startsWith("$")) return mongoAssignments(name, value);
    return optionsOf(value).map((option) =>
      assignmentOf(name, option.kind === "closure" && lazy ? lazy(option) : option),
    );
  });
}

function mongoAssignments(operator: string, value: Value): Assignment[] {
  if (value.kind !== "record") return [];
  const kind = operator === "$inc" ? ("increment" as const) : ("set" as const);
  return [...value.fields].map(([column, amount]) => ({
    column: lastPart(column),
    kind,
    value: amount,
    floored: false,
  }));
}

function lastPart(column: string): string {
  return column.split(".").at(-1) ?? column;
}

function assignmentOf(name: string, value: Value): Assignment {
  const column = lastPart(name);
  for (const kind of ["decrement", "increment", "set"] as const) {
    const amount = fieldOf(value, kind);
    if (amount) return { column, kind, value: amount, floored: false };
  }
  if (value.kind === "call") {
    const method = displayName(value);
    if (method === "increment" || method === "decrement") {
      return { column, kind: method, value: value.args[0] ?? operation("", []), floored: false };
    }
    const sign = value.args[1]?.kind === "constant" ? value.args[1].value : undefined;
    const own = columnName(value.args[0]) || COMPUTED;
    if (value.args.length === 3 && own === column && (sign === "-" || sign === "+")) {
      return {
        column,
        kind: sign === "-" ? "decrement" : "increment",
        value: value.args[2] ?? operation("", []),
        floored: false,
      };
    }
    const change = changeByText(column, value, value.args.slice(1));
    if (change && (change.kind !== "set" || change.floored || column === COMPUTED)) return change;
  }
  if (value.kind === "template" && value.tag) {
    const change = changeByText(column, value);
    if (change) return change;
  }
  return { column, kind: "set", value, floored: false };
}

/** `() => "credits - 1"`: TypeORM's way to write SQL as a value. */
export function assignmentByExpression(name: string, value: Value): Assignment | undefined {
  return changeByText(lastPart(name), value);
}
