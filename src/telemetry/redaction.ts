/** Takes secrets and personal data out of what is logged, at any depth and in any object. */

/** Stands where something was taken out. */
export const REDACTED = "[redacted]";

/**
 * Words in the names of fields whose values must not be logged: credentials, keys, and what tells
 * who a person is. Names are compared without case, `_` and `-`, so `id_card` and `idCard` are one.
 */
const SECRET_WORDS = [
  "authorization",
  "cookie",
  "credential",
  "password",
  "passwd",
  "passphrase",
  "secret",
  "token",
  "apikey",
  "apiv3key",
  "privatekey",
  "signature",
  "ciphertext",
  "openid",
  "unionid",
  "phone",
  "mobile",
  "email",
  "idcard",
  "payer",
  "clientip",
  "realname",
  "bankcard",
];
const SECRET_NAME = new RegExp(SECRET_WORDS.join("|"));

/**
 * Secrets inside a text: the password of a URL, a bearer or basic credential, the body of a private
 * key. They come in with messages of libraries.
 */
const SECRET_TEXTS: readonly (readonly [RegExp, string])[] = [
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, `$1${REDACTED}@`],
  [/\b(bearer|basic)\s+[^\s"',;]+/gi, `$1 ${REDACTED}`],
  [/(-----BEGIN [A-Z ]*PRIVATE KEY-----)[^-]*/g, `$1${REDACTED}`],
];

/** Deeper facts aren't worth a log line, and a ring has to end. */
const DEPTH_MAX = 8;
/** A longer list or object is cut: one line of the log must stay one line. */
const ENTRIES_MAX = 50;
/** A statement with hundreds of rows would fill the log with what was in them. */
const TEXT_LENGTH_MAX = 2_000;

/** A copy that may be logged: JSON values only. */
export function redact(value: unknown): unknown {
  return clean(value, DEPTH_MAX);
}

/** A text without the secrets that it may have, cut at 2,000 characters. */
export function redactText(text: string): string {
  let cleaned = text.length > TEXT_LENGTH_MAX ? `${text.slice(0, TEXT_LENGTH_MAX)}…` : text;
  for (const [pattern, replacement] of SECRET_TEXTS)
    cleaned = cleaned.replace(pattern, replacement);
  return cleaned;
}

function clean(value: unknown, depthLeft: number): unknown {
  switch (typeof value) {
    case "string":
      return redactText(value);
    case "bigint":
      return String(value);
    case "function":
    case "symbol":
      return `[${typeof value}]`;
    case "object":
      return value === null ? null : cleanObject(value, depthLeft);
    case "number":
    case "boolean":
    case "undefined":
      return value;
    default:
      throw new TypeError(`no such type: ${typeof value}`);
  }
}

function cleanObject(value: object, depthLeft: number): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depthLeft === 0) return "[deeper]";
  if (value instanceof Error) return cleanError(value, depthLeft);
  if (Array.isArray(value) || value instanceof Set) return cleanList([...value], depthLeft);
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const cleaned = entries.slice(0, ENTRIES_MAX).map(([name, field]) => {
    const key = typeof name === "object" || typeof name === "function" ? "[object]" : String(name);
    return [key, isSecretName(key) ? REDACTED : clean(field, depthLeft - 1)];
  });
  if (entries.length > ENTRIES_MAX) cleaned.push(["…", `${entries.length - ENTRIES_MAX} more`]);
  // Defines own fields, so that `__proto__` as a name is a field like any other.
  return Object.fromEntries(cleaned);
}

function cleanList(list: readonly unknown[], depthLeft: number): unknown[] {
  const cleaned = list.slice(0, ENTRIES_MAX).map((item) => clean(item, depthLeft - 1));
  if (list.length > ENTRIES_MAX) cleaned.push(`… ${list.length - ENTRIES_MAX} more`);
  return cleaned;
}

/** What helps to find a fault, but no statement or values, which drivers hang onto their errors. */
function cleanError(error: Error, depthLeft: number): Record<string, unknown> {
  const { code, errno, sqlState } = error as Error & Record<string, unknown>;
  const stack = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return {
    type: error.name,
    message: redactText(error.message),
    ...(code === undefined ? {} : { code: clean(code, 1) }),
    ...(errno === undefined ? {} : { errno: clean(errno, 1) }),
    ...(sqlState === undefined ? {} : { sqlState: clean(sqlState, 1) }),
    stack: stack.join("\n"),
    ...(error.cause === undefined ? {} : { cause: clean(error.cause, depthLeft - 1) }),
    ...(error instanceof AggregateError ? { errors: cleanList(error.errors, depthLeft) } : {}),
  };
}

function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name.toLowerCase().replaceAll(/[_-]/g, ""));
}
