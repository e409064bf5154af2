/** Which table a method of a model, a repository or an entity manager is about. */
import { ownerOf } from "../engine/assign.ts";
import type { Machine } from "../engine/machine.ts";
import { chainOf, displayName, fieldOf, stringOf, type Value } from "../engine/value.ts";
import { typeTable } from "./builder-source.ts";
import { tableOf, type Chain } from "./support.ts";

export interface Target {
  readonly table: string;
  readonly handle: Value;
  /** Without the entity. */
  readonly args: readonly Value[];
  readonly library: "typeorm" | "mikro-orm" | "sequelize" | "mongo";
  /** The effect that read the row on which the method is called. */
  readonly row?: number;
}

const MANAGER =
  /^(?:em|manager|.*entityManager|queryRunner|transactionalEntityManager|orm|trx|tx|mgr|transaction)$/i;
const NO_MODEL =
  /(?:service|controller|helper|utils?|client|api|store|cache|redis|map|set|state|router|app|storage|queue|logger|config|params|formdata|headers|cookies|session)$/i;

export function targetOf(chain: Chain, machine: Machine): Target | undefined {
  const { callee, args } = chain.value;
  if (callee.kind !== "get") return undefined;
  const { base } = callee;
  const row = rowOf(base, machine);
  if (row) return { ...row, args, handle: base };
  const name = displayName(base);
  const [entity] = args;
  if (entity && isEntity(entity) && (MANAGER.test(name) || args.length > 1)) {
    const isEm =
      !hasWhere(args[1]) &&
      (/^(?:em|_em|orm)$/i.test(name) || name === "fork" || /native|lockMode/.test(callee.name ?? ""));
    return {
      table: tableOf(entity),
      handle: base,
      args: args.slice(1),
      library: isEm ? "mikro-orm" : "typeorm",
    };
  }
  if (
    MANAGER.test(name) ||
    NO_MODEL.test(name) ||
    base.kind === "list" ||
    base.kind === "operation" ||
    base.kind === "constant"
  ) {
    return undefined;
  }
  return { table: typeTable(base), handle: base, args, library: libraryOf(base, chain) };
}

function hasWhere(value: Value | undefined): boolean {
  return fieldOf(value, "where") !== undefined;
}

function isEntity(value: Value): boolean {
  if (value.kind === "class") return true;
  return (value.kind === "unknown" || value.kind === "get") && /^\p{Lu}/u.test(displayName(value));
}

function libraryOf(base: Value, chain: Chain): Target["library"] {
  const name = displayName(base);
  if (
    /repo(?:sitory)?$/i.test(name) ||
    (base.kind === "unknown" && base.types.includes("Repository")) ||
    (base.kind === "call" && /^getRepository$/.test(name))
  ) {
    return base.kind === "unknown" && base.types.includes("EntityRepository") ? "mikro-orm" : "typeorm";
  }
  const text = JSON.stringify(chain.links.map((link) => link.name));
  const isMongo = /collection|session|lean|exec|AndUpdate|updateOne|findById\b|insertMany|deleteOne/.test(
    text,
  );
  return isMongo ? "mongo" : "sequelize";
}

/** A row that a read gave: `user.decrement(…)`, `user.update(…)`. */
function rowOf(base: Value, machine: Machine): Pick<Target, "table" | "library" | "row"> | undefined {
  for (const option of base.kind === "union" ? base.options : [base]) {
    const owner = ownerOf(option);
    const read = owner.kind === "result" ? machine.trace.effects[owner.effect] : undefined;
    if (owner.kind === "result" && read?.statement?.tables[0] !== undefined) {
      const library =
        read.statement.library === "mongo"
          ? "mongo"
          : read.statement.library === "mikro-orm"
            ? "mikro-orm"
            : "sequelize";
      return { table: read.statement.tables[0], library, row: owner.effect };
    }
  }
  return undefined;
}

const OF_MODELS_ONLY = /^(?:updateOne|updateMany|findOneAndUpdate|findByIdAndUpdate|nativeUpdate)$/;

/** Whether a name stands for a model at all: writes through anything else are no database's. */
export function isModel(chain: Chain): boolean {
  const { callee, args } = chain.value;
  if (callee.kind !== "get") return false;
  const { base } = callee;
  const name = displayName(base);
  if (OF_MODELS_ONLY.test(callee.name ?? "") || args.some(hasWhere)) return true;
  if (/repo(?:sitory)?$|model$|collection$|entity$|dao$/i.test(name) || MANAGER.test(name)) return true;
  if (base.kind === "result" || (base.kind === "get" && base.deps.size > 0)) return true;
  if (base.kind === "unknown" && base.types.some((type) => /Repository|Model|Collection/.test(type)))
    return true;
  const { root } = chainOf(base);
  return (
    base.kind === "class" ||
    (base.kind === "call" && stringOf(base.args[0]) !== undefined) ||
    /^\p{Lu}[\p{Ll}\d]/u.test(name) ||
    root.kind === "result"
  );
}
