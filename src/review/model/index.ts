/** All models of libraries, tried one after the other. */
import type { Statement } from "../engine/effect.ts";
import type { Machine } from "../engine/machine.ts";
import { chainOf } from "../engine/value.ts";
import { builders } from "./builders.ts";
import { firestore } from "./firestore.ts";
import { orm } from "./orm.ts";
import { prisma } from "./prisma.ts";
import { control, raw, routine, tagged } from "./raw.ts";
import type { Recognisable } from "./support.ts";

const MODELS = [control, raw, routine, firestore, prisma, builders, orm];

/** What a chain of calls does to the database; nothing when it is none of the known libraries'. */
export function recognise(machine: Machine, value: Recognisable): readonly Statement[] {
  if (value.kind === "template") return tagged(value);
  const chain = { value, ...chainOf(value) };
  if (chain.links.length > CHAIN_MAX) return [];
  const root = chain.root.kind === "template" ? tagged(chain.root) : [];
  if (root.length > 0) return root;
  for (const model of MODELS) {
    const statements = model(chain, machine);
    if (statements) return statements;
  }
  return [];
}

/** Longer chains are generated, and no query. */
const CHAIN_MAX = 60;
