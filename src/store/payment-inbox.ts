/** The durable inbox: notices of the provider, sealed, each content once. */
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import { MINUTE_MS } from "../billing/clock.ts";
import type { IdSource } from "../billing/id.ts";
import type { Notice } from "../billing/order/inbox.ts";
import type { KeptNotice, NoticeState, NoticeStore } from "../billing/order/receive-notice.ts";
import { timeOrNull, timeText, type Cell, type HotTable, type Row } from "./cell.ts";
import { gather } from "./gather.ts";
import { readMoment, type DecisionTime } from "./quota-facts.ts";
import type { Sealer } from "./sealer.ts";
import { insertSql, listSql, literal } from "./sql.ts";
import { inTransaction, reading } from "./transaction.ts";

const INBOX: HotTable = {
  name: "payment_inbox",
  columns: [
    "inbox_id",
    "content_index",
    "kind",
    "subject_id",
    "content_sealed",
    "state",
    "note",
    "attempts",
    "create_time",
    "next_try_time",
    "end_time",
  ],
};
const CONTENT = "payment_inbox.content";
const NOTE_MAX = 255;
const SUBJECT_MAX = 63;
/** When a notice is tried again that was not settled at once: whoever received it may have died. */
const TRY_AGAIN_MS = 30_000;
/** Callbacks come in bursts: more together would make long transactions, fewer more COMMITs. */
const TOGETHER = { max: 128, atOnce: 2 } as const;
/** An orphan's order may still appear; after so many tries only a person helps. */
const ORPHAN_TRIES_MAX = 20;

export interface InboxContext extends DecisionTime {
  readonly ids: IdSource;
}

export function createPaymentInbox(
  orm: MikroORM,
  context: InboxContext,
  sealer: Sealer,
): NoticeStore {
  const finish = gather((ends: readonly End[]) => finishAll(orm, context, ends), TOGETHER);
  return {
    put: gather((notices) => putAll(orm, context, sealer, notices), TOGETHER),
    finish: (inboxId, state, note) => finish({ inboxId, state, note }),
    takeDue: (limit, leaseMs) => takeDue(orm, context, sealer, limit, leaseMs),
  };
}

type Kept = Awaited<ReturnType<NoticeStore["put"]>>;

/** Keeps them in one transaction: under load a COMMIT is what a callback costs most. */
function putAll(
  orm: MikroORM,
  context: InboxContext,
  sealer: Sealer,
  notices: readonly Notice[],
): Promise<Kept[]> {
  const texts = notices.map(write);
  const indexes = texts.map((text) => sealer.index(text, CONTENT));
  return inTransaction(orm, async (em) => {
    const { nowMs } = await readMoment(em, context);
    const known = await find(em, indexes);
    const rows = new Map<string, Cell[]>();
    notices.forEach((notice, at) => {
      const index = indexes[at]!;
      if (known.has(index) || rows.has(index)) return;
      const inboxId = context.ids.next("ntc", nowMs);
      rows.set(index, cellsOf(inboxId, index, notice, texts[at]!, nowMs, sealer));
      known.set(index, { inboxId, state: "PENDING" });
    });
    if (rows.size > 0) {
      // In one order, so that two servers with the same notices can't wait for each other in a ring.
      const cells = [...rows].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, row]) => row);
      const sql = insertSql(INBOX, cells).replace("insert", "insert ignore");
      const { affectedRows } = await em.execute<{ affectedRows: number }>(sql, [], "run");
      // Somebody may have kept an equal one in the same moment: then theirs is it.
      if (affectedRows < rows.size) for (const [index, kept] of await find(em, rows.keys())) known.set(index, kept);
    }
    return indexes.map((index) => known.get(index)!);
  });
}

interface End {
  readonly inboxId: string;
  readonly state: NoticeState;
  readonly note: string;
}

/** Books what was made of them; what has ended the same way in one statement. */
function finishAll(
  orm: MikroORM,
  context: InboxContext,
  ends: readonly End[],
): Promise<readonly undefined[]> {
  return reading(orm, async (em) => {
    const { nowMs } = await readMoment(em, context);
    const now = literal(timeText(nowMs));
    const alike = Map.groupBy(ends, ({ state, note }) => JSON.stringify([state, note]));
    for (const group of alike.values()) {
      const { state, note } = group[0]!;
      const ids = group.map(({ inboxId }) => inboxId);
      const isOver = state === "SETTLED" || state === "QUARANTINED";
      const again = isOver
        ? "null"
        : `if(attempts < ${ORPHAN_TRIES_MAX}, ${literal(timeText(nowMs + MINUTE_MS))}, null)`;
      await em.execute(
        `update payment_inbox set state = ${literal(state)}, note = ${literal(note.slice(0, NOTE_MAX))},
          attempts = attempts + 1, next_try_time = ${again}, end_time = ${isOver ? now : "null"}
          where inbox_id in (${listSql(ids)}) and end_time is null`,
        [],
        "run",
      );
    }
    return ends.map(() => undefined);
  });
}

function cellsOf(
  inboxId: string,
  index: string,
  notice: Notice,
  text: string,
  nowMs: number,
  sealer: Sealer,
): Cell[] {
  return [
    inboxId,
    index,
    notice.kind,
    subjectOf(notice).slice(0, SUBJECT_MAX),
    sealer.seal(text, `payment_inbox.content_sealed:${inboxId}`),
    "PENDING",
    "",
    0,
    timeText(nowMs),
    timeOrNull(nowMs + TRY_AGAIN_MS),
    null,
  ];
}

async function find(em: EntityManager, indexes: Iterable<string>): Promise<Map<string, Kept>> {
  const sql = `select content_index, inbox_id, state from payment_inbox where content_index in (${listSql(indexes)})`;
  const rows = await em.execute<Row[]>(sql);
  return new Map(
    rows.map((row) => [
      row["content_index"] as string,
      { inboxId: row["inbox_id"] as string, state: row["state"] as NoticeState },
    ]),
  );
}

async function takeDue(
  orm: MikroORM,
  context: InboxContext,
  sealer: Sealer,
  limit: number,
  leaseMs: number,
): Promise<KeptNotice[]> {
  return inTransaction(orm, async (em) => {
    const { nowMs } = await readMoment(em, context);
    const rows = await em.execute<Row[]>(
      `select inbox_id, content_sealed from payment_inbox where next_try_time <= ${literal(timeText(nowMs))}
        order by next_try_time limit ${limit} for update skip locked`,
    );
    const ids = rows.map((row) => row["inbox_id"] as string);
    if (ids.length === 0) return [];
    const later = literal(timeText(nowMs + leaseMs));
    const sql = `update payment_inbox set next_try_time = ${later} where inbox_id in (${listSql(ids)})`;
    await em.execute(sql, [], "run");
    return rows.map((row) => {
      const inboxId = row["inbox_id"] as string;
      const place = `payment_inbox.content_sealed:${inboxId}`;
      return { inboxId, notice: read(sealer.open(row["content_sealed"] as string, place)) };
    });
  });
}

function subjectOf(notice: Notice): string {
  if (notice.kind === "payment") return notice.trade.outTradeNo;
  return notice.kind === "refund" ? notice.refund.outRefundNo : notice.eventType;
}

/** Amounts become text with a mark, since JSON knows no bigint. The notice's own id may differ between deliveries. */
function write(notice: Notice): string {
  const same: Notice = { ...notice, noticeId: "" };
  return JSON.stringify(same, (_, value: unknown) =>
    typeof value === "bigint" ? { fen: String(value) } : value,
  );
}

function read(text: string): Notice {
  return JSON.parse(text, (_, value: unknown) => {
    const amount = (value as { fen?: unknown } | null)?.fen;
    return typeof amount === "string" ? BigInt(amount) : value;
  }) as Notice;
}
