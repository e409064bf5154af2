/** The keys of sealed columns, as the operator's file has them: docs/keys.md. */
import { z } from "zod";
import { createSealer, type SealingKeys } from "../store/sealing.ts";
import type { VariableName } from "./variables.ts";

/** 32 bytes in base64. */
const KEY = z.string().regex(/^[A-Za-z0-9+/]{43}=$/);
/** One in use, one that was, and room for rotations that follow each other. */
const KEYS_MAX = 16;

const RING = z.strictObject({
  active: z.string(),
  index_key: KEY,
  keys: z
    .array(z.strictObject({ id: z.string(), key: KEY }))
    .min(1)
    .max(KEYS_MAX),
});

/**
 * The ring; undefined where none is configured, or where it has faults.
 * @param fault told of each fault, without quoting a key
 */
export function readSealing(
  bytes: Buffer | undefined,
  fault: (variable: VariableName, rule: string) => void,
): SealingKeys | undefined {
  if (bytes === undefined) return undefined;
  const parsed = RING.safeParse(jsonOf(bytes));
  if (!parsed.success) {
    for (const { path } of parsed.error.issues) {
      fault("SEALING_KEYS_FILE", `is wrong at ${path.join(".") || "its top"}: see docs/keys.md`);
    }
    return undefined;
  }
  const { active, index_key: indexKey, keys } = parsed.data;
  const ring: SealingKeys = {
    keys: keys.map(({ id, key }) => ({ id, key: Buffer.from(key, "base64") })),
    activeKeyId: active,
    indexKey: Buffer.from(indexKey, "base64"),
  };
  try {
    createSealer(ring);
    return ring;
  } catch (error) {
    fault("SEALING_KEYS_FILE", `is refused: ${(error as Error).message}`);
    return undefined;
  }
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}
