/** What becomes of an error that is caught. */
import { child, children, childrenOf, isFunction, text, type Node } from "../syntax/node.ts";
import type { Try } from "./effect.ts";

/** Calls that only write a line. */
const LOGGING = /^(?:console|logger|log|this\.logger|this\.log|winston|pino|debug|req\.log|ctx\.log)\b/;
/** Calls that give the error to somebody: another try, a person, the caller. */
const PASSING =
  /\b(?:next|reject|retry|enqueue|queue|publish|send|emit|alert|notify|capture\w*|report\w*|schedule|dead_?letter|outbox|insert|create|save|update|rollback)\w*\s*\(/i;

export function handlingOf(handler: Node, source: string): Try["handling"] {
  const body = child(handler, "body");
  const statements = body ? children(body, "body") : [];
  if (contains(handler, "ThrowStatement")) return "rethrown";
  const calls = statements.filter((entry) => !isLogging(entry, source));
  const rest = calls.map((entry) => source.slice(entry.start, entry.end)).join("\n");
  if (PASSING.test(rest) || contains(handler, "ReturnStatement")) return "answered";
  if (calls.length > 0) return "answered";
  return statements.length > 0 ? "logged" : "dropped";
}

function isLogging(node: Node, source: string): boolean {
  return LOGGING.test(source.slice(node.start, Math.min(node.end, node.start + 40)));
}

function contains(node: Node, type: string): boolean {
  for (const entry of childrenOf(node)) {
    if (entry.type === type) return true;
    if (!isFunction(entry) && contains(entry, type)) return true;
  }
  return false;
}

/** The same for `.catch(callback)`. */
export function handlingOfCallback(callback: Node | undefined, source: string): Try["handling"] {
  if (!callback) return "dropped";
  const body = child(callback, "body");
  if (!body) return "answered";
  if (body.type === "BlockStatement") return handlingOf(callback, source);
  if (isLogging(body, source)) return "logged";
  const plain =
    body.type === "Literal" ||
    body.type === "Identifier" ||
    text(body, "operator") === "void" ||
    body.type === "ObjectExpression";
  return plain ? "dropped" : "answered";
}
