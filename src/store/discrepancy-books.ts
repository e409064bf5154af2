/** Work on discrepancies: one transaction a command, under the lock of the finding's row. */
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import type {
  DiscrepancyBooks,
  DiscrepancyFilter,
  DiscrepancyReader,
} from "../billing/report/discrepancy-books.ts";
import {
  discrepancyNotFound,
  moved,
  type Discrepancy,
  type DiscrepancyUseCase,
  type NamesDiscrepancy,
} from "../billing/report/discrepancy.ts";
import type {
  Reconcile,
  Reconciliation,
  ReconciliationBooks,
  VendorFinding,
} from "../billing/report/reconcile.ts";
import { differingField, keyReused } from "../billing/quota/serve.ts";
import { FindingBooks, type Found } from "./findings.ts";
import { readMoment } from "./quota-facts.ts";
import { timeText, type Row } from "./cell.ts";
import { readDiscrepancies, stepCells, STEPS, WITH_BILLS } from "./discrepancy-rows.ts";
import {
  findFirstUse,
  changeOnce,
  jsonAnswers,
  type ChangeContext,
  type KeyedMethod,
} from "./operation-rows.ts";
import { insertSql, literal } from "./sql.ts";
import { AuditEventTable } from "./tables.ts";
import { inTransaction, reading } from "./transaction.ts";

export function createDiscrepancyBooks(orm: MikroORM, context: ChangeContext): DiscrepancyBooks {
  return {
    serve: (useCase, command, signal) =>
      changeOnce(
        orm,
        context,
        keyed(useCase),
        command,
        async (em, { nowMs, caller, newId }) => {
          const before = await read(em, command.input);
          const after = moved(before, useCase.decide(before, command.input), caller.name, nowMs);
          const write = async () => {
            await writeStep(em, before, after);
            await note(em, newId("evt"), useCase.method, before, after);
          };
          return { answer: after, write };
        },
        signal,
      ),
  };
}

function keyed<Input extends NamesDiscrepancy>({
  method,
  content,
}: DiscrepancyUseCase<Input>): KeyedMethod<Input, Discrepancy> {
  // The check of its bill waits for this row too, so that it isn't cleared meanwhile.
  const lock = (em: EntityManager, { discrepancyId }: Input) =>
    em.execute(
      `select 1 from bill_findings where finding_id = ${literal(discrepancyId)} for update`,
    );
  return { method, content, lock, answers: jsonAnswers() };
}

async function read(em: EntityManager, { discrepancyId }: NamesDiscrepancy): Promise<Discrepancy> {
  const rows = await em.execute<Row[]>(
    `${WITH_BILLS} where f.finding_id = ${literal(discrepancyId)}`,
  );
  const [discrepancy] = await readDiscrepancies(em, rows);
  if (discrepancy === undefined) throw discrepancyNotFound(discrepancyId);
  return discrepancy;
}

async function writeStep(
  em: EntityManager,
  before: Discrepancy,
  after: Discrepancy,
): Promise<void> {
  const step = after.steps[before.steps.length]!;
  const { discrepancyId, state, assignee } = after;
  const cells = stepCells(discrepancyId, step, timeText(step.createTimeMs));
  await em.execute(insertSql(STEPS, [cells]), [], "run");
  await em.execute(
    `update bill_findings set state = ${literal(state)}, assignee = ${literal(assignee)},
      steps = ${step.sequence} where finding_id = ${literal(discrepancyId)}`,
    [],
    "run",
  );
}

async function note(
  em: EntityManager,
  eventId: string,
  method: string,
  before: Discrepancy,
  after: Discrepancy,
): Promise<void> {
  const { note: reason, actor, createTimeMs } = after.steps.at(-1)!;
  const shown = ({ state, assignee }: Discrepancy) => JSON.stringify({ state, assignee });
  await em.insert(AuditEventTable, {
    eventId,
    actor,
    action: method,
    subject: `discrepancy/${after.discrepancyId}`,
    stateBefore: shown(before),
    stateAfter: shown(after),
    reason,
    createTime: new Date(createTimeMs),
  });
}

const RECONCILE: KeyedMethod<Reconcile, Reconciliation> = {
  method: "Reconcile",
  content: (input) => {
    const { date, source } = input;
    const { vendor, tolerance } = input.source === "VENDOR" ? input : NO_VENDOR;
    return { date, source, vendor, tolerance_per_mille: String(tolerance) };
  },
  answers: jsonAnswers(),
};

const NO_VENDOR = { vendor: "", tolerance: 0n };

export function createReconciliationBooks(
  orm: MikroORM,
  context: ChangeContext,
): ReconciliationBooks {
  return {
    async find({ idempotencyKey, input }) {
      const { method, content, answers } = RECONCILE;
      const first = await reading(orm, (em) => findFirstUse(em, method, idempotencyKey));
      if (first === undefined) return undefined;
      const field = differingField(first.content, content(input));
      if (field !== undefined) throw keyReused(method, field);
      return answers.read(first.answer);
    },
    recordVendor: (bill, findings) =>
      inTransaction(orm, async (em) => {
        const { billId, vendor, month } = bill;
        // Whoever compares the same bill at the same time waits here.
        await em.execute(
          `select 1 from vendor_bills where bill_id = ${literal(billId)} for update`,
        );
        const { nowMs } = await readMoment(em, context);
        const books = new FindingBooks(em, context.ids, nowMs);
        await books.clear(
          `select bill_id from vendor_bills where vendor = ${literal(vendor)}
            and month = ${literal(month)} and bill_id <> ${literal(billId)}`,
        );
        const compared = { billId, date: month, type: "VENDOR", lines: bill.lineCount, settled: 0 };
        return (await books.write(compared, findings.map(foundOf))).length;
      }),
    keep: (command, answer) =>
      changeOnce(orm, context, RECONCILE, command, async (em, { nowMs, caller, newId }) => ({
        answer,
        write: () =>
          em.insert(AuditEventTable, {
            eventId: newId("evt"),
            actor: caller.name,
            action: RECONCILE.method,
            subject: `bill/${answer.billId ?? ""}`,
            stateBefore: "",
            stateAfter: JSON.stringify({ discrepancies: answer.discrepancies }),
            reason: "",
            createTime: new Date(nowMs),
          }) as Promise<never>,
      })),
  };
}

function foundOf(finding: VendorFinding): Found<VendorFinding> {
  const { service, ...found } = finding;
  const none = { orderId: "", refundId: null, line: null };
  return { of: finding, ...found, ...none, subject: service, unit: "MICRO_YUAN" };
}

export function createDiscrepancyReader(orm: MikroORM): DiscrepancyReader {
  return {
    listDiscrepancies: (filter, { after, limit }) =>
      reading(orm, async (em) => {
        const conditions = conditionsOf(filter);
        if (after !== null) conditions.push(`f.finding_id < ${literal(after.discrepancyId)}`);
        const rows = await em.execute<Row[]>(
          `${WITH_BILLS} where ${["true", ...conditions].join(" and ")}
            order by f.finding_id desc limit ${limit}`,
        );
        return readDiscrepancies(em, rows);
      }),
  };
}

function conditionsOf(filter: DiscrepancyFilter): string[] {
  const { startDate, endDate, kind, state, source, orderId } = filter;
  const conditions: string[] = [];
  // A vendor's month is within the days when one of its days is.
  if (startDate !== null) {
    conditions.push(`coalesce(i.bill_date, concat(v.month, '-31')) >= ${literal(startDate)}`);
  }
  if (endDate !== null) {
    conditions.push(`coalesce(i.bill_date, concat(v.month, '-01')) <= ${literal(endDate)}`);
  }
  if (kind !== null) conditions.push(`f.kind = ${literal(kind)}`);
  if (state === "CLEARED") conditions.push("f.clear_time is not null");
  else if (state !== null) conditions.push(`f.clear_time is null and f.state = ${literal(state)}`);
  if (source === "VENDOR") conditions.push("v.bill_id is not null");
  else if (source !== null) conditions.push(`i.type = ${literal(source.replace("WECHAT_", ""))}`);
  if (orderId !== null) conditions.push(`f.order_id = ${literal(orderId)}`);
  return conditions;
}
