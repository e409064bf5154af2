/** ESTree nodes, read by name: the engine looks at some sixty kinds, and passes over the rest. */

export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/** The one child of that name. */
export function child(node: Node, name: string): Node | undefined {
  const value = field(node, name);
  return isNode(value) ? value : undefined;
}

/** The children of that name; holes of arrays are left out. */
export function children(node: Node, name: string): Node[] {
  const value = field(node, name);
  return Array.isArray(value) ? value.filter(isNode) : [];
}

/** As `children`, with the holes. */
export function slots(node: Node, name: string): (Node | undefined)[] {
  const value = field(node, name);
  return Array.isArray(value) ? value.map((entry: unknown) => (isNode(entry) ? entry : undefined)) : [];
}

/** A string property; empty when it isn't one. */
export function text(node: Node, name: string): string {
  const value = field(node, name);
  return typeof value === "string" ? value : "";
}

export function flag(node: Node, name: string): boolean {
  return field(node, name) === true;
}

export function field(node: Node, name: string): unknown {
  return (node as unknown as Readonly<Record<string, unknown>>)[name];
}

export function isNode(value: unknown): value is Node {
  if (typeof value !== "object" || value === null) return false;
  const { type, start } = value as Partial<Node>;
  return type !== undefined && start !== undefined;
}

/**
 * All children, whatever their names, in the order of the source. Every node of every file comes by here several times: a
 * generator over the object's values took a sixth of a large review.
 */
export function childrenOf(node: Node): Node[] {
  const found: Node[] = [];
  // Nodes are plain objects out of JSON, which inherit nothing that could be enumerated.
  for (const name in node) {
    const value = field(node, name);
    if (typeof value !== "object" || value === null) continue;
    if (Array.isArray(value)) {
      for (const entry of value) if (isNode(entry)) found.push(entry);
    } else if (isNode(value)) found.push(value);
  }
  return found;
}

const FUNCTIONS = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);

export function isFunction(node: Node): boolean {
  return FUNCTIONS.has(node.type);
}

const WRAPPERS = new Set([
  "ParenthesizedExpression",
  "TSAsExpression",
  "TSNonNullExpression",
  "TSSatisfiesExpression",
  "TSTypeAssertion",
  "TSInstantiationExpression",
  "ChainExpression",
]);

/** The expression without parentheses and type assertions. */
export function bare(node: Node): Node {
  let inner = node;
  while (WRAPPERS.has(inner.type)) {
    const next = child(inner, "expression");
    if (!next) return inner;
    inner = next;
  }
  return inner;
}

/** The name of a property key, of an identifier or of a literal. */
export function nameOf(node: Node | undefined): string | undefined {
  if (!node) return undefined;
  if (node.type === "Literal") {
    const value = field(node, "value");
    return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
  }
  if (node.type === "Identifier" || node.type === "PrivateIdentifier") return text(node, "name");
  return undefined;
}
