import { openBank } from "../bank.ts";
import type { FromChild, ToChild } from "./child-target.ts";
import { answersBeforeCommit, planted } from "./plants.ts";
import { tellerTarget } from "./teller-target.ts";

/*
 * A program of its own: a teller that serves what its parent sends. `node child-teller.ts PLANT`
 * with CHILD_DATABASE_URL in the environment; PLANT is `none` or the name of a planted bug.
 */

/** Longer than a COMMIT takes, so that a kill finds answers on their way before it. */
const LAG_MS = 40;

const PLANTS: Readonly<Record<string, Parameters<typeof planted>[1]>> = {
  none: {},
  "answers before COMMIT": answersBeforeCommit(LAG_MS),
};

const url = process.env["CHILD_DATABASE_URL"];
const plant = PLANTS[process.argv[2] ?? "none"];
if (url === undefined || plant === undefined) throw new Error("which database, what plant?");
const bank = await openBank("mysql", { url, around: (orm) => planted(orm, plant) });
const target = tellerTarget("child", bank.teller);
process.on("message", ({ id, request }: ToChild) => {
  void target.send(request).then((reply) => process.send?.({ id, reply } satisfies FromChild));
});
// Whoever has started it is gone: nobody wants an answer any more.
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
