/** The callers that a server knows, as IDENTITIES_FILE lists them. Nobody else may call. */
import { z } from "zod";
import { CALLER_ID } from "../billing/id.ts";
import { Role } from "../gen/billing/option/v1/options.ts";

/** A caller: known by a token, by the URI in its certificate, or by either. */
export interface Identity {
  /** As it stands in logs and in the books. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** SHA-256 of the bearer token, 64 hexadecimal digits in lower case. */
  readonly tokenSha256: string | undefined;
  /** The URI in its certificate's alternative names, such as `spiffe://prod/pipeline`. */
  readonly uriSan: string | undefined;
}

/** Roles by the names that the file gives them: those of options.proto, in lower case. */
const ROLES: ReadonlyMap<string, Role> = new Map(
  Object.entries(Role)
    .filter(([, role]) => role !== Role.UNSPECIFIED && role !== Role.UNRECOGNIZED)
    .map(([name, role]) => [name.toLowerCase(), role]),
);

/** More services than anybody runs: a longer list is a mistake. */
const IDENTITIES_MAX = 1_000;
const ROLE_NAMES = [...ROLES.keys()];

const IDENTITY = z
  .strictObject({
    name: z.string().regex(CALLER_ID, `must match ${CALLER_ID}`),
    roles: z.array(z.enum(ROLE_NAMES, `must be one of ${ROLE_NAMES.join(", ")}`)).min(1),
    token_sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/i, "must be 64 hexadecimal digits")
      .optional(),
    uri_san: z.url("must be a URI").optional(),
  })
  .refine(({ token_sha256, uri_san }) => (token_sha256 ?? uri_san) !== undefined, {
    error: "must have a token_sha256 or a uri_san: nobody could prove to be this caller",
  });

const IDENTITIES = z.array(IDENTITY).min(1, "must list at least one caller").max(IDENTITIES_MAX);

/**
 * Reads the file's text.
 * @returns the callers, and every fault with its place; with faults the list isn't whole
 */
export function parseIdentities(text: string): { identities: Identity[]; faults: string[] } {
  const json = parseJson(text);
  if (json === undefined) return { identities: [], faults: ["is not JSON"] };
  const parsed = IDENTITIES.safeParse(json);
  if (!parsed.success) {
    return { identities: [], faults: parsed.error.issues.map((issue) => describe(issue)) };
  }
  const identities = parsed.data.map((entry) => ({
    name: entry.name,
    roles: entry.roles.map((role) => ROLES.get(role)!),
    tokenSha256: entry.token_sha256?.toLowerCase(),
    uriSan: entry.uri_san,
  }));
  const faults = [
    ...repeated(identities, "name", (identity) => identity.name),
    ...repeated(identities, "token_sha256", (identity) => identity.tokenSha256),
    ...repeated(identities, "uri_san", (identity) => identity.uriSan),
  ];
  return { identities, faults };
}

/** Undefined where the text isn't JSON: the parser's messages quote it, and it may be a secret. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The place and the rule, without the value: a token could stand where its hash belongs. */
function describe({ path, message }: z.core.$ZodIssue): string {
  const place = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`));
  return `${place.join("") || "the list"} ${message}`;
}

function repeated(
  identities: readonly Identity[],
  field: string,
  valueOf: (identity: Identity) => string | undefined,
): string[] {
  const firstAt = new Map<string, number>();
  return identities.flatMap((identity, at) => {
    const value = valueOf(identity);
    if (value === undefined) return [];
    const first = firstAt.get(value);
    if (first === undefined) firstAt.set(value, at);
    return first === undefined ? [] : [`[${at}].${field} is that of [${first}] too`];
  });
}
