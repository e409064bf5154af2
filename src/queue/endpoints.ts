/**
 * The endpoints that hear of events, as the operator's file lists them. There is no other way to name an
 * address, so that nobody can make this service call one of theirs.
 */
import { z } from "zod";
import { EVENT_TYPE } from "../billing/event.ts";
import { parseSecret } from "./signature.ts";

export interface Endpoint {
  /** As it stands in the books, in logs and in metrics. */
  readonly name: string;
  readonly url: string;
  /** The newest first; each message bears a signature by each of them. None for a robot. */
  readonly secrets: readonly Buffer[];
  /** Where messages go to a group chat, in the form that its robot takes. */
  readonly robot?: Robot;
  /** Types, beginnings of types such as `order.*`, or `*` for all. */
  readonly types: readonly string[];
}

/** A robot of a group chat: 企业微信, 钉钉, 飞书. */
export type RobotKind = "wecom" | "dingtalk" | "feishu";
const ROBOT_KINDS = ["wecom", "dingtalk", "feishu"] as const satisfies readonly RobotKind[];

export interface Robot {
  readonly kind: RobotKind;
  /** What its messages are signed with; undefined where it asks for no signature. */
  readonly secret: string | undefined;
}

/** Each has connections of its own on every server; systems that need more put a hub behind one. */
const ENDPOINTS_MAX = 32;
/** The old, the new, and one more for a rotation that was broken off. */
const SECRETS_MAX = 3;
const TYPES_MAX = 64;
const URL_LENGTH_MAX = 2_000;

const NAME = /^[a-z][a-z0-9-]{0,39}$/;
const BEGINNING = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*\.\*$/;

const ENDPOINT = z
  .strictObject({
    name: z.string().regex(NAME, `must match ${NAME}`),
    url: z.string().max(URL_LENGTH_MAX),
    robot: z.enum(ROBOT_KINDS).optional(),
    secrets: z.array(z.string()).max(SECRETS_MAX).default([]),
    types: z.array(z.string()).min(1).max(TYPES_MAX),
    allow_http: z.boolean().default(false),
  })
  .superRefine(({ url, robot, secrets, types, allow_http: mayBePlain }, context) => {
    const fault = (message: string, ...path: (string | number)[]) =>
      context.addIssue({ code: "custom", message, path });
    const wrong = wrongAddress(url, mayBePlain);
    if (wrong !== undefined) fault(wrong, "url");
    const wrongList = wrongSecrets(robot, secrets);
    if (wrongList !== undefined) fault(wrongList, "secrets");
    secrets.forEach((secret, at) => {
      if (robot === undefined && parseSecret(secret) === undefined) {
        fault("must be whsec_ and 24 to 64 bytes in base64", "secrets", at);
      }
    });
    types.forEach((type, at) => {
      const isPattern = type === "*" || EVENT_TYPE.test(type) || BEGINNING.test(type);
      if (!isPattern) fault("must be like order.paid, order.* or *", "types", at);
    });
  });

const ENDPOINTS = z.array(ENDPOINT).max(ENDPOINTS_MAX);

/**
 * Reads the file's text.
 * @returns the endpoints, and every fault with its place and without its value, which may be a secret;
 *   with faults the list isn't whole
 */
export function parseEndpoints(text: string): { endpoints: Endpoint[]; faults: string[] } {
  const json = parseJson(text);
  if (json === undefined) return { endpoints: [], faults: ["is not JSON"] };
  const parsed = ENDPOINTS.safeParse(json);
  if (!parsed.success) return { endpoints: [], faults: parsed.error.issues.map(describe) };
  const endpoints = parsed.data.map(({ name, url, robot, secrets, types }) =>
    robot === undefined
      ? { name, url, secrets: secrets.map((secret) => parseSecret(secret)!), types }
      : { name, url, secrets: [], robot: { kind: robot, secret: secrets[0] }, types },
  );
  const faults = endpoints.flatMap(({ name }, at) => {
    const first = endpoints.findIndex((other) => other.name === name);
    return first === at ? [] : [`[${at}].name is that of [${first}] too`];
  });
  return { endpoints, faults };
}

/** Whether an endpoint hears of events of a type. */
export function wants({ types }: Pick<Endpoint, "types">, type: string): boolean {
  return types.some(
    (pattern) =>
      pattern === "*" ||
      pattern === type ||
      (pattern.endsWith(".*") && type.startsWith(pattern.slice(0, -1))),
  );
}

/** What is wrong with the number of secrets; their form is looked at apart. */
function wrongSecrets(
  robot: RobotKind | undefined,
  secrets: readonly string[],
): string | undefined {
  if (robot === undefined)
    return secrets.length === 0 ? "must have at least one secret" : undefined;
  if (robot === "wecom") {
    return secrets.length > 0 ? "must be left out: this robot knows no signature" : undefined;
  }
  const isFit =
    secrets.length <= 1 && secrets.every((secret) => /^[\x21-\x7e]{1,200}$/.test(secret));
  return isFit ? undefined : "must be one secret at most, as the robot's settings show it";
}

/** What is wrong with an address, as the end of a sentence; undefined where nothing is. */
function wrongAddress(text: string, mayBePlain: boolean): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    return "must be an https address";
  }
  if (url.username !== "" || url.password !== "") return "must bear no user or password";
  if (url.hash !== "") return "must have no fragment";
  const isSafe = url.protocol === "https:" || isLoopback(url.hostname) || mayBePlain;
  return isSafe ? undefined : "must be https, or loopback, or have allow_http beside it";
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Undefined where the text isn't JSON: the parser's messages quote it, and it has secrets. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function describe({ path, message }: z.core.$ZodIssue): string {
  const place = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`));
  return `${place.join("") || "the list"} ${message}`;
}
