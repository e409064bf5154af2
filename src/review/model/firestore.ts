/** Firestore: documents by reference; a transaction retries when a document that it has read was changed. */
import type { Statement } from "../engine/effect.ts";
import { chainOf, displayName, stringOf, type Value } from "../engine/value.ts";
import { tableName } from "../vocabulary.ts";
import { assignmentsFrom } from "./objects.ts";
import { statement, tableOf, type Model } from "./support.ts";

const READS = new Set(["getDoc", "getDocs", "get"]);
const WRITES = new Set(["updateDoc", "setDoc", "update", "set"]);

export const firestore: Model = ({ value }) => {
  const { callee, args } = value;
  const name = callee.kind === "get" || callee.kind === "unknown" ? (callee.name ?? "") : "";
  if (!READS.has(name) && !WRITES.has(name)) return undefined;
  const base = callee.kind === "get" ? callee.base : undefined;
  const own = base && isReference(base);
  const reference = own ? base : args[0];
  if (!reference || (!own && !isReference(reference))) return undefined;
  const verb = READS.has(name) ? "read" : "update";
  const data = own ? args[0] : args[1];
  if (verb === "update" && data?.kind !== "record") return undefined;
  const parts: Partial<Statement> = {
    tables: [tableOfReference(reference)],
    assignments: verb === "update" ? assignmentsFrom(data) : [],
  };
  return [
    statement({
      verb,
      handle: base && !own ? base : callee,
      library: "firestore",
      answer: "object",
      ...parts,
    }),
  ];
};

function isReference(value: Value): boolean {
  if (/(?:Ref|Doc|DocRef|Reference)$/.test(value.kind === "unknown" ? value.name : "")) return true;
  const { root, links } = chainOf(value);
  if (root.kind === "unknown" && root.name === "doc" && links[0]?.name === "") return true;
  return (
    links.some(({ name, args }) => name === "doc" && args !== undefined) &&
    links.some(({ name }) => name === "collection")
  );
}

/** `db.collection("users").doc(id)`, `doc(db, "users", id)`, `userRef`. */
function tableOfReference(value: Value): string {
  const { links } = chainOf(value);
  const collection = links.findLast(({ name }) => name === "collection")?.args?.[0];
  if (collection) return tableOf(collection);
  const named =
    links[0]?.name === "" ? links[0].args?.find((argument) => stringOf(argument) !== undefined) : undefined;
  return named ? tableOf(named) : tableName(displayName(value).replace(/(?:Doc)?(?:Ref|Reference)$/, ""));
}
