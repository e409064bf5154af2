/** Changes of the catalogue: one transaction a command, under the locks of what it changes. */
import { createHash } from "node:crypto";
import { LockMode } from "@mikro-orm/core";
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import { featureSubject } from "../billing/catalog/approval.ts";
import type { CatalogBooks } from "../billing/catalog/books.ts";
import type {
  CatalogDesk,
  CatalogNeeds,
  CatalogUseCase,
  CatalogWrites,
  FeatureFile,
} from "../billing/catalog/desk.ts";
import { serveCatalog, type CatalogOutcome } from "../billing/catalog/serve.ts";
import type { FeatureId, IdSource, UserId } from "../billing/id.ts";
import type { Command } from "../billing/quota/desk.ts";
import { approvalRow, featureRow, readApproval, readFeature } from "./catalog-rows.ts";
import { openOffer, writeOffer } from "./offer-books.ts";
import { openPipeline, writePipeline } from "./pipeline-books.ts";
import { classify } from "./mysql-error.ts";
import { findFirstUse, recordOperation } from "./operation-rows.ts";
import { readMoment, type DecisionTime } from "./quota-facts.ts";
import type { Row } from "./cell.ts";
import { insertReview } from "./review-rows.ts";
import { listSql, literal } from "./sql.ts";
import {
  ApprovalTable,
  AuditEventTable,
  CatalogRevisionTable,
  FeatureAccessTable,
  FeatureTable,
} from "./tables.ts";
import { inTransaction } from "./transaction.ts";

/** The one row whose lock is the catalogue's, and whose number says that it has changed. */
const CATALOG_ID = 1;

export interface CatalogContext extends DecisionTime {
  readonly ids: IdSource;
}

export function createCatalogBooks(orm: MikroORM, context: CatalogContext): CatalogBooks {
  return {
    async serve(useCase, command, signal) {
      const once = () =>
        inTransaction(orm, (em) => serveIn(em, context, useCase, command), { signal });
      try {
        return await once();
      } catch (error) {
        // Somebody used the same key at the same moment; by now their answer is committed.
        if (classify(error) !== "duplicate-key") throw error;
        return await once();
      }
    },
  };
}

/** One command within a transaction that must be READ COMMITTED: facts are read under the locks. */
async function serveIn<Input, Answer>(
  em: EntityManager,
  context: CatalogContext,
  useCase: CatalogUseCase<Input, Answer>,
  command: Command<Input>,
): Promise<CatalogOutcome<Answer>> {
  const desk = await openDesk(em, context, useCase.needs(command.input), command);
  const first = await findFirstUse(em, useCase.method, command.idempotencyKey);
  const outcome = serveCatalog(useCase, command, desk, first);
  if (outcome.operation !== null) {
    await recordOperation(em, context, useCase.method, command, outcome.operation, desk.nowMs);
  }
  await write(em, context, outcome.writes, desk);
  return outcome;
}

async function openDesk(
  em: EntityManager,
  context: CatalogContext,
  needs: CatalogNeeds,
  { caller }: Command<unknown>,
): Promise<CatalogDesk> {
  if (needs.featureId ?? needs.offer ?? needs.pipeline) await lockCatalog(em);
  const approval = needs.approvalId && (await lockApproval(em, needs.approvalId));
  const file = needs.featureId && (await openFile(em, needs.featureId, needs));
  const offer = needs.offer && (await openOffer(em, needs.offer));
  const pipeline = needs.pipeline && (await openPipeline(em, needs.pipeline));
  const knowsUser = needs.userId !== undefined && (await isRegistered(em, needs.userId));
  // The time is read under the locks: what comes later never bears an earlier time.
  const { nowMs } = await readMoment(em, context);
  const newId = (prefix: string) => context.ids.next(prefix, nowMs);
  return { nowMs, caller, file, approval, offer, pipeline, knowsUser, newId };
}

/** Changes of features are few, and one after the other: two publishers can't pass each other. */
async function lockCatalog(em: EntityManager): Promise<void> {
  await em
    .createQueryBuilder(CatalogRevisionTable)
    .select("*")
    .where({ catalogId: CATALOG_ID })
    .setLockMode(LockMode.PESSIMISTIC_WRITE)
    .execute("all", false);
}

async function lockApproval(em: EntityManager, approvalId: string) {
  const [row] = await em
    .createQueryBuilder(ApprovalTable)
    .select("*")
    .where({ approvalId })
    .setLockMode(LockMode.PESSIMISTIC_WRITE)
    .execute<Row[]>("all", false);
  return row && readApproval(row);
}

async function openFile(
  em: EntityManager,
  featureId: FeatureId,
  { version = 0, userIds }: CatalogNeeds,
): Promise<FeatureFile | undefined> {
  const [newest] = await em.execute<Row[]>(
    `select max(version) as last from features where feature_id = ${literal(featureId)}`,
  );
  const lastVersion = Number(newest?.["last"] ?? 0);
  if (lastVersion === 0) return undefined;
  const rows = await em
    .createQueryBuilder(FeatureTable)
    .select("*")
    .where({ featureId, $or: [{ version }, { state: "PUBLISHED" }] })
    .orderBy({ version: "asc" })
    .setLockMode(LockMode.PESSIMISTIC_WRITE)
    .execute<Row[]>("all", false);
  const features = rows.map(readFeature);
  return {
    lastVersion,
    inForce: features.find(({ state }) => state === "PUBLISHED"),
    named: features.find((feature) => feature.version === version),
    zeroCostApproved: await isApproved(em, featureSubject({ featureId, version })),
    ...(await findListed(em, featureId, userIds)),
  };
}

async function isApproved(em: EntityManager, subject: string): Promise<boolean> {
  const rows = await em.execute<Row[]>(
    `select 1 from approvals where subject = ${literal(subject)}
      and kind = 'ZERO_COST_FEATURE' and state = 'APPROVED' limit 1`,
  );
  return rows.length > 0;
}

/** Only who changes the list has it counted: that reads all of it. */
async function findListed(
  em: EntityManager,
  featureId: FeatureId,
  userIds: readonly UserId[] | undefined,
) {
  if (userIds === undefined) return { listedCount: 0, listed: new Set<UserId>() };
  const ofFeature = `from feature_access where feature_id = ${literal(featureId)}`;
  const [count] = await em.execute<Row[]>(`select count(*) as n ${ofFeature}`);
  const isNamed = userIds.length === 0 ? "false" : `user_id in (${listSql(userIds)})`;
  const named = await em.execute<Row[]>(`select user_id ${ofFeature} and ${isNamed}`);
  const listed = new Set(named.map((row) => row["user_id"] as UserId));
  return { listedCount: Number(count?.["n"]), listed };
}

/** A row in state NEW is a registration that isn't committed yet. */
async function isRegistered(em: EntityManager, userId: UserId): Promise<boolean> {
  const sql = `select 1 from users where user_id = ${literal(userId)} and state <> 'NEW'`;
  return (await em.execute<Row[]>(sql)).length > 0;
}

async function write(
  em: EntityManager,
  { ids }: CatalogContext,
  writes: CatalogWrites,
  { nowMs, caller }: CatalogDesk,
): Promise<void> {
  const createTime = new Date(nowMs);
  for (const feature of writes.features ?? []) {
    const { featureId, version, state, publishTimeMs } = feature;
    const publishTime = publishTimeMs === null ? null : new Date(publishTimeMs);
    // Terms are written once; only what happens to a version changes.
    if (state === "DRAFT") await em.insert(FeatureTable, featureRow(feature));
    else await em.nativeUpdate(FeatureTable, { featureId, version }, { state, publishTime });
  }
  for (const offer of writes.offers ?? []) await writeOffer(em, offer);
  for (const pipeline of writes.pipelines ?? []) {
    await writePipeline(em, pipeline, caller.name, createTime);
  }
  for (const approval of writes.approvals ?? []) {
    const row = approvalRow(approval);
    const { approvalId, state, decidedBy, decisionNote, decideTime } = row;
    const decision = { state, decidedBy, decisionNote, decideTime };
    if (state === "PENDING") await em.insert(ApprovalTable, row);
    else await em.nativeUpdate(ApprovalTable, { approvalId }, decision);
  }
  for (const { reviewId, reviewed, ...review } of writes.reviews ?? []) {
    const contentSha256 =
      "sha256" in reviewed
        ? reviewed.sha256
        : createHash("sha256").update(reviewed.content).digest("hex");
    await insertReview(em, { ...review, contentSha256 }, { reviewId, caller, nowMs });
  }
  if (writes.access) await writeAccess(em, writes.access, caller.name, createTime);
  if (writes.changesInForce) {
    const sql = "update catalog_revisions set revision = revision + 1 where catalog_id = ?";
    await em.execute(sql, [CATALOG_ID], "run");
  }
  for (const { action, subject, before, after, reason } of writes.notes) {
    await em.insert(AuditEventTable, {
      eventId: ids.next("evt", nowMs),
      actor: caller.name,
      action,
      subject,
      stateBefore: before === null ? "" : JSON.stringify(before),
      stateAfter: JSON.stringify(after),
      reason,
      createTime,
    });
  }
}

async function writeAccess(
  em: EntityManager,
  { featureId, add, remove }: NonNullable<CatalogWrites["access"]>,
  createdBy: string,
  createTime: Date,
): Promise<void> {
  const rows = add.map((userId) => ({ userId, featureId, createTime, createdBy }));
  if (rows.length > 0) await em.insertMany(FeatureAccessTable, rows);
  if (remove.length === 0) return;
  await em.nativeDelete(FeatureAccessTable, { featureId, userId: { $in: [...remove] } });
}
