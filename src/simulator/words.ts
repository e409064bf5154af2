/** What callers of the control endpoints send: JSON objects, read field by field. */

export type Words = Readonly<Record<string, unknown>>;

/** What a caller got wrong. */
export class BadWords extends Error {}

export function text(words: Words, name: string): string {
  const value = words[name];
  if (typeof value !== "string" || value === "") throw new BadWords(`${name} must be a text`);
  return value;
}

/** An object of nothing but texts. */
export function texts(words: Words): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.keys(words).map((name) => [name, text(words, name)]));
}

export function oneOf(words: Words, name: string, values: readonly string[]): string {
  const value = text(words, name);
  if (!values.includes(value)) throw new BadWords(`${name} must be one of ${values.join(", ")}`);
  return value;
}

export function optionalNumber(words: Words, name: string): number | undefined {
  const value = words[name];
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isFinite(value)) throw new BadWords(`${name} must be a number`);
  return value;
}

export function wholeNumber(words: Words, name: string): number {
  const value = words[name];
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw new BadWords(`${name} must be an integer`);
}

export function count(words: Words): number {
  return words["times"] === undefined ? 1 : wholeNumber(words, "times");
}

export function parse(body: Buffer): Words {
  try {
    const value: unknown = JSON.parse(body.toString());
    if (value !== null && typeof value === "object") return value as Words;
  } catch {
    // Told below, as for other JSON that isn't an object.
  }
  throw new BadWords("the body must be a JSON object");
}
