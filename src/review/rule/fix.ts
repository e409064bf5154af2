/** How to make it right, in the idiom of the library that the code uses. */
import { RULE_BY_ID, RULE_IDS } from "../rules.ts";

const LOCKING: Readonly<Record<string, string>> = {
  knex: "await db.transaction(async (trx) => { … await trx(table).where(…).forUpdate().first(); check; write by trx })",
  objection:
    "await Model.transaction(async (trx) => { … await Model.query(trx).findById(id).forUpdate(); check; write by trx })",
  kysely:
    "await db.transaction().execute(async (trx) => { … trx.selectFrom(…).forUpdate().executeTakeFirstOrThrow(); check; write by trx })",
  drizzle:
    'await db.transaction(async (tx) => { … await tx.select().from(…).where(…).for("update"); check; write by tx })',
  prisma:
    "await prisma.$transaction(async (tx) => { … await tx.$queryRaw`SELECT … FOR UPDATE`; check; write by tx })",
  typeorm:
    'await dataSource.transaction(async (manager) => { … manager.findOne(Entity, { where, lock: { mode: "pessimistic_write" } }); ' +
    "check; write by manager })",
  "mikro-orm":
    "await em.transactional(async (em) => { … em.findOneOrFail(Entity, where, { lockMode: LockMode.PESSIMISTIC_WRITE }); check; write })",
  sequelize:
    "await sequelize.transaction(async (transaction) => { … Model.findByPk(id, { transaction, lock: transaction.LOCK.UPDATE }); " +
    "check; write with { transaction } })",
  mongo:
    "Put the condition into the filter: findOneAndUpdate({ _id, credits: { $gte: cost } }, { $inc: { credits: -cost } }), and check " +
    "the answer for null",
  supabase: "Do it in one database function that reads FOR UPDATE, and call that by rpc()",
  sql: "BEGIN; SELECT … FOR UPDATE; check; UPDATE; COMMIT, all on one connection",
};

const ABOUT_LOCKS: ReadonlySet<string> = new Set([
  RULE_IDS.noTransaction,
  RULE_IDS.noRowLock,
  RULE_IDS.uselessLock,
  RULE_IDS.safeWithoutRowLock,
  RULE_IDS.outerHandle,
]);

export function fixFor(ruleId: string, library: string): string {
  const general = RULE_BY_ID.get(ruleId)?.remediation ?? "";
  const own = ABOUT_LOCKS.has(ruleId)
    ? LOCKING[library === "count" || library === "sqlite" ? "sql" : library]
    : undefined;
  return own === undefined ? general : `${general} Such as: ${own}.`;
}
