/** Calls that lead out of what is given: another service, a function of a file that isn't there, a store of numbers. */
import { MEMBERSHIP_WORDS } from "../vocabulary.ts";
import { REFUNDING_WORDS, SPENDING_WORDS } from "../rule/words.ts";
import { ownerOf } from "./assign.ts";
import { addEffect, stringsOf, unfollowed, type Machine } from "./machine.ts";
import { chainOf, displayName, type Call, type Template, type Value } from "./value.ts";

const SERVICES =
  /^(?:fetch|axios|got|ky|request|superagent|undici|openai|anthropic|replicate|stripe|fal|http|https|httpClient|httpService|twilio|sendgrid|mailer|transporter|resend|nodemailer|s3|s3Client|cohere|gemini|genAI|model|llm|wechatpay|runninghub)$/i;
const SERVICE_LIKE = /(?:api|http|openai|anthropic|replicate|stripe|mail|llm|sms)(?:client|service|api)?$/i;

const MOVES_QUOTA = new RegExp(`${SPENDING_WORDS.source}|${REFUNDING_WORDS.source}`, "i");

/** A call that isn't known: another service, or a function of a file that isn't given. */
export function callWorld(machine: Machine, value: Call | Template): Value {
  if (value.kind === "template") return value;
  const { root, links } = chainOf(value);
  const names = [displayName(root), ...links.map(({ name }) => name ?? "")].filter((name) => name !== "");
  const name = names.join(".");
  const { concerns } = machine.linker;
  const isImported = root.kind === "unknown" && root.role === "import" && root.source !== undefined;
  if (isImported && MOVES_QUOTA.test(name) && machine.linker.isMissing(value.place.path, root.source ?? "")) {
    unfollowed(machine, value.place, `${name} comes from ${root.source ?? ""}, which isn't among the files`);
  }
  const computed = links.find((link) => link.name === undefined && link.args !== undefined);
  if (computed?.args?.some((argument) => stringsOf(argument).some(concerns))) {
    unfollowed(machine, value.place, "which method is called is only known at run time");
  }
  if (
    isStore(names) &&
    [name, ...machine.frames.map((frame) => frame.name), ...strings(value)].some(concerns)
  ) {
    unfollowed(machine, value.place, `${name} keeps quota outside of a database`);
  } else if (handsOnLess(machine, value, names)) {
    unfollowed(machine, value.place, `a lowered balance is handed to ${name}, which isn't among the files`);
  }
  handOver(machine, value, names);
  const isService =
    names.slice(0, 2).some((part) => SERVICES.test(part)) ||
    names.slice(0, -1).some((part) => SERVICE_LIKE.test(part));
  if (isService) addEffect(machine, { kind: "external", name, place: value.place, args: value.args });
  else if (concerns(name) || MEMBERSHIP_WORDS.test(name)) {
    addEffect(machine, { kind: "call", name, place: value.place, args: value.args });
  }
  return value;
}

/** `redis.decrby("credits:1", 5)`: Redis and its like know no rows and no locks on them. */
function isStore(names: readonly string[]): boolean {
  return (
    /^(?:h?(?:decr|incr)(?:by(?:float)?)?|zincrby)$/i.test(names.at(-1) ?? "") &&
    names.slice(0, -1).some((name) => /redis|kv|cache|upstash|valkey|client|store/i.test(name))
  );
}

function strings(value: Call): string[] {
  return value.args.flatMap((argument) => stringsOf(argument));
}

const WRITES = /update|save|set|write|put|patch|store|persist|deduct|decrease|change|adjust/i;

/** `usersService.update(id, { credits: user.credits - 1 })`: whoever is called would have to lock. */
function handsOnLess(machine: Machine, { callee, args }: Call, names: readonly string[]): boolean {
  const isMember = callee.kind === "get" && callee.base.kind !== "call";
  if (
    !isMember ||
    !WRITES.test(names.at(-1) ?? "") ||
    names.slice(0, -1).some((name) => NO_ACCOUNT.test(name))
  )
    return false;
  return args.some((argument) =>
    argument.kind === "record" ? lowersBalance(machine, argument.fields) : isLess(machine, argument),
  );
}

/** `writeStore(store)`, where a balance in what an unknown call has given was lowered: how it is written nobody sees. */
function handOver(machine: Machine, { args, place }: Call, names: readonly string[]): void {
  if (!WRITES.test(names.at(-1) ?? "")) return;
  for (const argument of args) {
    const owner = ownerOf(argument);
    const fields = machine.pending.get(owner);
    if (owner.kind !== "call" || !fields || !lowersBalance(machine, fields)) continue;
    machine.pending.delete(owner);
    unfollowed(
      machine,
      place,
      `a lowered balance is handed to ${names.join(".")}, which isn't among the files`,
    );
  }
}

/** State of a page, a cache and a log are no balance: the server's is. */
const NO_ACCOUNT =
  /^(?:use\p{Lu}\w*|set\p{Lu}\w*|dispatch|localStorage|sessionStorage|document|window|.*[cC]ache|.*[lL]ogger|io|socket|metrics)$/u;

/** Whether among these values a balance is set to less than it was. */
export function lowersBalance(machine: Machine, fields: ReadonlyMap<string, Value>): boolean {
  return [...fields].some(([name, value]) => machine.linker.concerns(name) && isLess(machine, value));
}

/** `user.credits - cost`. */
function isLess(machine: Machine, value: Value): boolean {
  if (value.kind === "union") return value.options.some((option) => isLess(machine, option));
  if (value.kind === "record") return value.fields.has("decrement");
  if (value.kind !== "operation" || value.operator !== "-" || value.operands.length !== 2) return false;
  const [left] = value.operands;
  return left?.kind === "get" && machine.linker.concerns(left.name ?? "");
}
