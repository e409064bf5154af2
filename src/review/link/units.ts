/** The functions of a file that aren't part of another one, what they are called, and whom they may call. */
import { bare, child, children, childrenOf, isFunction, nameOf, text, type Node } from "../syntax/node.ts";
import type { Module } from "./modules.ts";

export interface Unit {
  readonly path: string;
  readonly node: Node;
  readonly name: string;
  /** The class that it is a method of. */
  readonly className: string | undefined;
  /** The names of everything that it calls or hands on. */
  readonly calls: ReadonlySet<string>;
  /** Its text has a word of the vocabulary. */
  readonly concernsQuota: boolean;
}

export function unitsOf({ path, program, source }: Module, concerns: (text: string) => boolean): Unit[] {
  const units: Unit[] = [];
  const constants = constantsOf(program, source, concerns);
  const walk = (node: Node, name: string, className: string | undefined): void => {
    if (isFunction(node)) {
      if (!child(node, "body")) return;
      const slice = source.slice(node.start, node.end);
      units.push({
        path,
        node,
        name: nameOf(child(node, "id")) ?? name,
        className,
        calls: callsOf(node),
        concernsQuota: [slice, name, className ?? ""].some(concerns) || constants.test(slice),
      });
      return;
    }
    const inner =
      node.type === "ClassDeclaration" || node.type === "ClassExpression"
        ? (nameOf(child(node, "id")) ?? "")
        : className;
    for (const entry of childrenOf(node)) walk(entry, nameBy(node, name), inner);
  };
  walk(program, "", undefined);
  return units;
}

/** What stands outside of the functions and speaks of quota, by its names: `const FIELD = "credits"`. */
function constantsOf(program: Node, source: string, concerns: (text: string) => boolean): RegExp {
  const names = children(program, "body").flatMap((node) => {
    const declaration = node.type.startsWith("Export") ? child(node, "declaration") : node;
    if (declaration?.type !== "VariableDeclaration") return [];
    return children(declaration, "declarations").flatMap((entry) => {
      const init = child(entry, "init");
      const name = nameOf(child(entry, "id"));
      const isConstant = init !== undefined && !isFunction(bare(init));
      return isConstant && name !== undefined && concerns(source.slice(init.start, init.end)) ? [name] : [];
    });
  });
  return names.length === 0
    ? NOTHING
    : new RegExp(`(?<![\\w$])(?:${names.map(escaped).join("|")})(?![\\w$])`);
}

const NOTHING = /(?!)/;

function escaped(name: string): string {
  return name.replaceAll("$", "\\$");
}

function nameBy(node: Node, outer: string): string {
  switch (node.type) {
    case "MethodDefinition":
    case "PropertyDefinition":
    case "Property":
      return nameOf(child(node, "key")) ?? "";
    case "VariableDeclarator":
      return nameOf(child(node, "id")) ?? "";
    case "AssignmentExpression": {
      const left = child(node, "left");
      return left?.type === "MemberExpression"
        ? (nameOf(child(left, "property")) ?? "")
        : (nameOf(left) ?? "");
    }
    case "ExportDefaultDeclaration":
      return "default";
    case "CallExpression":
    case "ArrowFunctionExpression":
    case "NewExpression":
    case "AwaitExpression":
      return outer;
    default:
      return "";
  }
}

function callsOf(root: Node): Set<string> {
  const names = new Set<string>();
  const stack: Node[] = [root];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (node.type === "CallExpression" || node.type === "NewExpression") {
      const callee = child(node, "callee");
      const inner = callee && bare(callee);
      const last = inner?.type === "MemberExpression" ? child(inner, "property") : inner;
      const name = last && nameOf(last);
      if (name !== undefined) names.add(name);
      for (const argument of children(node, "arguments")) {
        const handed = argument.type === "MemberExpression" ? child(argument, "property") : argument;
        if (handed?.type === "Identifier") names.add(text(handed, "name"));
      }
    }
    for (const entry of childrenOf(node)) stack.push(entry);
  }
  return names;
}
