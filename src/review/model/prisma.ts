/** Prisma: `prisma.user.update({ where, data })`. */
import { fieldOf } from "../engine/value.ts";
import type { Statement } from "../engine/effect.ts";
import { tableName } from "../vocabulary.ts";
import { assignmentsFrom, conditionsFrom } from "./objects.ts";
import { statement, type Model } from "./support.ts";

const VERBS: Readonly<Record<string, Statement["verb"]>> = {
  findUnique: "read",
  findUniqueOrThrow: "read",
  findFirst: "read",
  findFirstOrThrow: "read",
  findMany: "read",
  aggregate: "read",
  count: "read",
  groupBy: "read",
  create: "insert",
  createMany: "insert",
  createManyAndReturn: "insert",
  update: "update",
  updateMany: "update",
  updateManyAndReturn: "update",
  upsert: "update",
  delete: "delete",
  deleteMany: "delete",
};

export const prisma: Model = ({ value, links }) => {
  const { callee, args } = value;
  const method = links.at(-1)?.name ?? "";
  const verb = VERBS[method];
  const [options] = args;
  if (!verb || callee.kind !== "get" || callee.base.kind !== "get" || args.length > 1) return undefined;
  const model = callee.base.name ?? "";
  const isPrisma =
    options === undefined ||
    fieldOf(options, "where", "data", "create", "_sum", "by", "select", "include", "orderBy", "take");
  if (!isPrisma) return undefined;
  const handle = callee.base.base;
  const many = /Many/.test(method);
  const base = statement({
    verb,
    tables: [tableName(model)],
    handle,
    library: "prisma",
    conditions: conditionsFrom(fieldOf(options, "where")),
    assignments: assignmentsFrom(fieldOf(options, "data")),
    answer: verb === "read" ? "row" : method.endsWith("AndReturn") ? "rows" : "object",
    throwsOnNone: (verb === "update" || verb === "delete") && !many && method !== "upsert",
    ...(fieldOf(options, "skipDuplicates") ? { conflict: "ignore" as const } : {}),
  });
  if (method !== "upsert") return [base];
  return [
    { ...base, assignments: assignmentsFrom(fieldOf(options, "update")), throwsOnNone: false },
    {
      ...base,
      verb: "insert",
      assignments: assignmentsFrom(fieldOf(options, "create")),
      conflict: "update",
      throwsOnNone: false,
    },
  ];
};
