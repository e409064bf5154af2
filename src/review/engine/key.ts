import { optionsOf, type Value } from "./value.ts";

/** The name that a computed key has: a string, or the last name of `Op.gte` or `users.credits`. */
export function keyOf(value: Value): string | undefined {
  if (value.kind === "constant") return value.value === undefined ? undefined : String(value.value);
  if (value.kind === "get" && value.deps.size === 0) return value.name;
  return undefined;
}

/** All names that it may have; undefined among them where one isn't known. */
export function keysOf(value: Value): readonly (string | undefined)[] {
  return optionsOf(value).map(keyOf);
}
