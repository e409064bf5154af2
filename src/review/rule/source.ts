/** Rules that need no flow: free features in literals, and code that is only known at run time. */
import type { Module } from "../link/modules.ts";
import { RULE_IDS } from "../rules.ts";
import { child, children, childrenOf, field, isFunction, nameOf, type Node } from "../syntax/node.ts";
import { MAY_CONCERN_QUOTA } from "../vocabulary.ts";
import type { Complaint } from "./finding.ts";

export function judgeSource({ path, program, source }: Module): Complaint[] {
  const zero = /quota_?cost/i.test(source);
  const dynamic = /\beval\s*\(|\bFunction\s*\(/.test(source);
  if (!zero && !dynamic) return [];
  const complaints: Complaint[] = [];
  const walk = (node: Node, unit: Node | undefined): void => {
    if (zero && node.type === "ObjectExpression") complaints.push(...zeroCost(node, path));
    if (dynamic) complaints.push(...dynamicCode(node, unit, path, source));
    for (const entry of childrenOf(node)) walk(entry, isFunction(node) ? (unit ?? node) : unit);
  };
  walk(program, undefined);
  return complaints;
}

function zeroCost(node: Node, path: string): Complaint[] {
  const properties = children(node, "properties");
  const names = properties.map((property) => nameOf(child(property, "key")) ?? "");
  // A message whose fields all have their zero value is a default, and no feature.
  if (properties.length > 1 && properties.every((property) => isZero(child(property, "value")))) return [];
  const approved = names.some((name) => /approv|审批/i.test(name));
  return properties.flatMap((property, at): Complaint[] => {
    if (!/^(?:quota_?cost|cost_?in_?quota)$/i.test(names[at] ?? "")) return [];
    const value = child(property, "value");
    const literal = value && field(value, "value");
    if (value?.type !== "Literal" || !(literal === 0 || literal === "0" || literal === 0n)) return [];
    return [
      {
        ruleId: RULE_IDS.zeroCost,
        severity: approved ? "WARN" : "FAIL",
        place: { path, start: property.start, end: property.end },
        message: approved
          ? "the feature is free by an approval: whether it is a second person's can't be seen here"
          : "the feature costs no quota, and nothing says that this was approved",
        steps: [],
      },
    ];
  });
}

function isZero(value: Node | undefined): boolean {
  if (value?.type === "ArrayExpression") return children(value, "elements").length === 0;
  if (value?.type === "Identifier") return nameOf(value) === "undefined";
  return value?.type === "Literal" && !field(value, "value");
}

function dynamicCode(node: Node, unit: Node | undefined, path: string, source: string): Complaint[] {
  if (node.type !== "CallExpression" && node.type !== "NewExpression") return [];
  const name = nameOf(child(node, "callee"));
  if (name !== "eval" && name !== "Function") return [];
  const around = unit ?? node;
  if (!MAY_CONCERN_QUOTA.test(source.slice(around.start, around.end))) return [];
  return [
    {
      ruleId: RULE_IDS.notFollowed,
      severity: "NOT_ANALYSED",
      place: { path, start: node.start, end: node.end },
      message: `${name} runs code that is only known at run time`,
      steps: [],
    },
  ];
}
