/** Operators: constants are folded, strings are joined to templates, everything else is kept. */
import { child, text, type Node } from "../syntax/node.ts";
import { placeOf, type Machine } from "./machine.ts";
import type { Scope } from "./scope.ts";
import {
  constant,
  depsOf,
  get,
  nullishness,
  numberOf,
  operation,
  truthiness,
  UNDEFINED,
  union,
  unknown,
  type Constant,
  type Place,
  type Template,
  type Value,
} from "./value.ts";

export function evaluateBinary(machine: Machine, node: Node, scope: Scope): Value {
  const leftNode = child(node, "left");
  const rightNode = child(node, "right");
  if (!leftNode || !rightNode) return unknown("binary");
  const left = machine.evaluate(leftNode, scope);
  const right = machine.evaluate(rightNode, scope);
  return binary(text(node, "operator"), left, right, placeOf(scope, node));
}

export function binary(operator: string, left: Value, right: Value, place: Place): Value {
  if (operator === "+" && (isText(left) || isText(right))) return concat(left, right, place);
  if (left.kind === "constant" && right.kind === "constant") return foldConstants(operator, left, right);
  const nothing = [left, right].find(
    (side) => side.kind === "constant" && (side.value === undefined || side.value === null),
  );
  if (nothing && /^[!=]==?$/.test(operator)) {
    const other = nothing === left ? right : left;
    if (nullishness(other) === false) return constant(operator.startsWith("!"));
  }
  return operation(operator, [left, right]);
}

function isText(value: Value): boolean {
  return value.kind === "template" || (value.kind === "constant" && typeof value.value === "string");
}

function foldConstants(operator: string, left: Constant, right: Constant): Value {
  const deps = depsOf([left, right]);
  if (operator === "===" || operator === "==") return constant(left.value === right.value, deps);
  if (operator === "!==" || operator === "!=") return constant(left.value !== right.value, deps);
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a === undefined || b === undefined) return operation(operator, [left, right]);
  switch (operator) {
    case "+":
      return constant(a + b, deps);
    case "-":
      return constant(a - b, deps);
    case "*":
      return constant(a * b, deps);
    case "<":
      return constant(a < b, deps);
    case "<=":
      return constant(a <= b, deps);
    case ">":
      return constant(a > b, deps);
    case ">=":
      return constant(a >= b, deps);
    default:
      return operation(operator, [left, right]);
  }
}

/** How many ways a string that was built on several ways may have. */
const TEXT_WAYS_MAX = 4;

/** Strings built piece by piece: SQL that is put together. */
export function concat(left: Value, right: Value, place: Place): Value {
  if (left.kind === "union" || right.kind === "union") {
    const lefts = left.kind === "union" && left.options.every(isText) ? left.options : [left];
    const rights = right.kind === "union" && right.options.every(isText) ? right.options : [right];
    if (lefts.length * rights.length > 1 && lefts.length * rights.length <= TEXT_WAYS_MAX) {
      return union(...lefts.flatMap((one) => rights.map((other) => concat(one, other, place))));
    }
  }
  const a = pieces(left);
  const b = pieces(right);
  const texts = [...a.texts.slice(0, -1), `${a.texts.at(-1) ?? ""}${b.texts[0] ?? ""}`, ...b.texts.slice(1)];
  const holes = [...a.holes, ...b.holes];
  const deps = depsOf([left, right]);
  return holes.length === 0
    ? constant(texts[0] ?? "", deps)
    : { kind: "template", texts, holes, deps, place };
}

function pieces(value: Value): Pick<Template, "texts" | "holes"> {
  if (value.kind === "template" && !value.tag) return value;
  if (value.kind === "constant") return { texts: [String(value.value)], holes: [] };
  return { texts: ["", ""], holes: [value] };
}

export function evaluateUnary(machine: Machine, node: Node, scope: Scope): Value {
  const argument = child(node, "argument");
  const value = argument ? machine.evaluate(argument, scope) : UNDEFINED;
  const operator = text(node, "operator");
  const decided = truthiness(value);
  if (operator === "!" && decided !== undefined) return constant(!decided, value.deps);
  if (operator === "-" && value.kind === "constant") {
    const number = numberOf(value);
    if (number !== undefined) return constant(-number, value.deps);
  }
  if (operator === "+") return value;
  if (operator === "void") return UNDEFINED;
  return operation(operator === "-" ? "neg" : operator, [value]);
}

/** Methods of decimal numbers that are operators. */
const DECIMAL: Readonly<Record<string, string>> = {
  minus: "-",
  sub: "-",
  subtract: "-",
  plus: "+",
  add: "+",
  times: "*",
  mul: "*",
  multipliedBy: "*",
  lt: "<",
  lessThan: "<",
  isLessThan: "<",
  lte: "<=",
  lessThanOrEqualTo: "<=",
  isLessThanOrEqualTo: "<=",
  gt: ">",
  greaterThan: ">",
  isGreaterThan: ">",
  gte: ">=",
  greaterThanOrEqualTo: ">=",
  isGreaterThanOrEqualTo: ">=",
};

/** `balance.minus(cost)`: a number's method with one argument that isn't a name. */
export function decimalOperation(callee: Value, args: readonly Value[]): Value | undefined {
  const [argument] = args;
  if (callee.kind !== "get" || args.length !== 1 || !argument) return undefined;
  const operator = DECIMAL[callee.name ?? ""];
  const isName =
    argument.kind === "constant" && typeof argument.value === "string" && !/^[\d.]+$/.test(argument.value);
  if (operator === undefined || isName || argument.kind === "closure" || argument.kind === "record")
    return undefined;
  return operation(operator, [callee.base, argument]);
}

export function element(value: Value): Value {
  return value.kind === "list" && value.items.length > 0 && !value.open
    ? union(...value.items)
    : get(value, "*");
}
