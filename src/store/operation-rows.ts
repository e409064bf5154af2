/**
 * Keys of commands that go by no teller: what a key was used for, and what was answered. It stands in the
 * transaction of the command itself, so that there is an answer exactly if the command has happened.
 */
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import type { FirstUse } from "../billing/catalog/serve.ts";
import type { Caller, IdSource } from "../billing/id.ts";
import type { Command } from "../billing/quota/desk.ts";
import { differingField, keyReused } from "../billing/quota/serve.ts";
import type { Served } from "../billing/quota/teller.ts";
import type { Row } from "./cell.ts";
import { classify } from "./mysql-error.ts";
import { readMoment, type DecisionTime } from "./quota-facts.ts";
import { literal } from "./sql.ts";
import { OperationTable } from "./tables.ts";
import { inTransaction } from "./transaction.ts";

export interface ChangeContext extends DecisionTime {
  readonly ids: IdSource;
}

/** How the commands of one method are known again. */
export interface KeyedMethod<Input, Answer> {
  /** The RPC's name; keys are unique within it. */
  readonly method: string;
  /** What must be equal when a key is sent again, by the fields' names; only the values are stored, in this order. */
  content(input: Input): Readonly<Record<string, string>>;
  /** The stored form of an answer and back. */
  readonly answers: { write(answer: Answer): string; read(text: string): Answer };
  /**
   * Locks what the command is about before its key is looked for: where the same key may come twice at one moment
   * and the first one's effect would have the second refused instead of answered.
   */
  lock?(em: EntityManager, input: Input): Promise<unknown>;
}

/** Who asks and when. */
export interface Occasion {
  /** The database's time. */
  readonly nowMs: number;
  readonly caller: Caller;
  newId(prefix: string): string;
}

/** What was decided: the answer, and how it is written down. */
export interface Change<Answer> {
  readonly answer: Answer;
  write(): Promise<void>;
}

/**
 * Runs a command once: the same key with the same content gives the first answer again. The change is decided
 * within a transaction, READ COMMITTED, and written in it, unless the command asks for a preview.
 * @throws Refusal IDEMPOTENCY_KEY_REUSED; what `change` throws; as inTransaction
 */
export async function changeOnce<Input, Answer>(
  orm: MikroORM,
  context: ChangeContext,
  keyed: KeyedMethod<Input, Answer>,
  command: Command<Input>,
  change: (em: EntityManager, occasion: Occasion) => Promise<Change<Answer>>,
  signal?: AbortSignal,
): Promise<Served<Answer>> {
  const once = () =>
    inTransaction(orm, (em) => changeIn(em, context, keyed, command, change), { signal });
  try {
    return await once();
  } catch (error) {
    // Somebody used the same key at the same moment; by now their answer is committed.
    if (classify(error) !== "duplicate-key") throw error;
    return await once();
  }
}

async function changeIn<Input, Answer>(
  em: EntityManager,
  context: ChangeContext,
  keyed: KeyedMethod<Input, Answer>,
  command: Command<Input>,
  change: (em: EntityManager, occasion: Occasion) => Promise<Change<Answer>>,
): Promise<Served<Answer>> {
  const { method, answers } = keyed;
  const { caller, input, validateOnly, idempotencyKey } = command;
  const content = keyed.content(input);
  await keyed.lock?.(em, input);
  const first = await findFirstUse(em, method, idempotencyKey);
  if (first !== undefined) {
    const field = differingField(first.content, content);
    if (field !== undefined) throw keyReused(method, field);
    return { answer: answers.read(first.answer), replayed: true };
  }
  const { nowMs } = await readMoment(em, context);
  const newId = (prefix: string) => context.ids.next(prefix, nowMs);
  const { answer, write } = await change(em, { nowMs, caller, newId });
  if (validateOnly) return { answer, replayed: false };
  // What our own jobs do has no key, and its effect is guarded by what it finds.
  if (idempotencyKey !== null) {
    const operation = { content: Object.values(content), answer: answers.write(answer) };
    await recordOperation(em, context, method, command, operation, nowMs);
  }
  await write();
  return { answer, replayed: false };
}

/** What a key was used for within a method; undefined when it wasn't. */
export async function findFirstUse(
  em: EntityManager,
  method: string,
  key: string | null,
): Promise<FirstUse | undefined> {
  if (key === null) return undefined;
  const [row] = await em.execute<Row[]>(
    `select content, answer from operations
      where idempotency_key = ${literal(key)} and method = ${literal(method)}`,
  );
  if (row === undefined) return undefined;
  return { content: JSON.parse(row["content"] as string), answer: row["answer"] as string };
}

/** The key goes first: one that was just used elsewhere fails before anything else is written. */
export async function recordOperation(
  em: EntityManager,
  { ids }: ChangeContext,
  method: string,
  { idempotencyKey, caller }: Command<unknown>,
  { content, answer }: FirstUse,
  nowMs: number,
): Promise<void> {
  await em.insert(OperationTable, {
    operationId: ids.next("op", nowMs),
    method,
    idempotencyKey,
    userId: null,
    caller: caller.name,
    content: JSON.stringify(content),
    answer,
    createTime: new Date(nowMs),
  });
}

/** Stored answers are JSON; whole numbers of any size stand in an object of their own. */
export function jsonAnswers<Answer>(): KeyedMethod<unknown, Answer>["answers"] {
  return {
    write: (answer) =>
      JSON.stringify(answer, (_, value: unknown) =>
        typeof value === "bigint" ? { [WHOLE]: String(value) } : value,
      ),
    read: (text) =>
      JSON.parse(text, (_, value: unknown) => {
        const isWhole = typeof value === "object" && value !== null && WHOLE in value;
        return isWhole ? BigInt((value as Record<typeof WHOLE, string>)[WHOLE]) : value;
      }) as Answer,
  };
}

/** No answer has a field of this name. */
const WHOLE = "$whole";
