/** The demo's callers: one for each role, with tokens that are made at random once and kept. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { keptPassword, writeSecret } from "../local/credentials.ts";

/** Those whom the demo shows; `admin` is there so that every method can be tried. */
const CALLERS = ["pipeline", "storefront", "operator", "admin"] as const;
export type DemoCaller = (typeof CALLERS)[number];

export interface DemoIdentities {
  /** What IDENTITIES_FILE names. */
  readonly file: string;
  readonly tokens: Readonly<Record<DemoCaller, string>>;
}

/** Makes the callers in a folder, for its owner's eyes only, or finds those of an earlier start. */
export async function demoIdentities(folder: string): Promise<DemoIdentities> {
  const tokens = {} as Record<DemoCaller, string>;
  for (const name of CALLERS) tokens[name] = await keptPassword(join(folder, `${name}.token`));
  const identities = CALLERS.map((name) => ({
    name: `demo-${name}`,
    roles: [name],
    token_sha256: createHash("sha256").update(tokens[name]).digest("hex"),
  }));
  const file = join(folder, "identities.json");
  await writeSecret(file, `${JSON.stringify(identities, null, 2)}\n`);
  return { file, tokens };
}
