/**
 * Pages by key (AIP-158). A token holds the key of the last row and a hash of what was asked for,
 * so that it can't be used on another list. It is no secret and no permission: it only says where
 * to go on.
 */
import { createHash } from "node:crypto";
import type { Page } from "../billing/quota/reader.ts";
import type { FieldCheck } from "./field.ts";

/** A page that asks for no size. */
export const PAGE_SIZE_DEFAULT = 50;
/** More rows than this would hold up others and pass the message size that clients take. */
export const PAGE_SIZE_MAX = 500;
/** A longer token is none of ours; keys are short. */
const TOKEN_LENGTH_MAX = 512;
/** Enough that two lists have the same hash by chance only. */
const HASH_CHARS = 12;
const TOKEN = /^[A-Za-z0-9_-]+$/;

export interface PageFields {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** How the rows of one list are known to a token. */
export interface ListKey<Key> {
  /** The list's name: the RPC's. */
  readonly list: string;
  write(key: Key): readonly string[];
  /** The key again; undefined when the parts are none. */
  read(parts: readonly string[]): Key | undefined;
}

export interface PageRequest<Key> {
  /** For the reader: one row more than the page has, which tells whether another page follows. */
  readonly page: Page<Key>;
  /**
   * Splits what was read into the page and the token of the next one; the token is empty on the
   * last.
   */
  split<Row>(
    rows: readonly Row[],
    keyOf: (row: Row) => Key,
  ): { rows: readonly Row[]; nextPageToken: string };
}

/**
 * Reads the page fields of a list request.
 * @param filter every other field of the request, as the domain has it
 */
export function readPage<Key>(
  check: FieldCheck,
  request: PageFields,
  key: ListKey<Key>,
  filter: object,
): PageRequest<Key> {
  if (request.pageSize < 0) check.refuse("page_size", "must not be negative");
  const size =
    request.pageSize === 0 ? PAGE_SIZE_DEFAULT : Math.min(request.pageSize, PAGE_SIZE_MAX);
  const hash = hashOf(key.list, filter);
  return {
    page: { after: readToken(check, request.pageToken, key, hash), limit: size + 1 },
    split(rows, keyOf) {
      if (rows.length <= size) return { rows, nextPageToken: "" };
      const shown = rows.slice(0, size);
      const parts = [hash, ...key.write(keyOf(shown[size - 1]!))];
      return {
        rows: shown,
        nextPageToken: Buffer.from(JSON.stringify(parts)).toString("base64url"),
      };
    },
  };
}

function readToken<Key>(
  check: FieldCheck,
  token: string,
  key: ListKey<Key>,
  hash: string,
): Key | null {
  if (token === "") return null;
  const [asked, ...parts] = partsOf(token) ?? [];
  const after = asked === hash ? key.read(parts) : undefined;
  if (after !== undefined) return after;
  check.refuse(
    "page_token",
    "must be the next_page_token of a page that was asked for with the same fields",
  );
  return null;
}

function partsOf(token: string): string[] | undefined {
  if (token.length > TOKEN_LENGTH_MAX || !TOKEN.test(token)) return undefined;
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    const isList = Array.isArray(parts) && parts.every((part) => typeof part === "string");
    return isList ? parts : undefined;
  } catch {
    // Not JSON: a token that we didn't make, which the caller hears about as a bad field.
    return undefined;
  }
}

function hashOf(list: string, filter: object): string {
  const text = JSON.stringify([list, Object.entries(filter)]);
  return createHash("sha256").update(text).digest("base64url").slice(0, HASH_CHARS);
}
