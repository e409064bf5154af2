/**
 * The journal: a file to which every request goes before it is sent, on the disk, and every answer
 * after. What was sent and never answered is unknown, whoever died: the service, the database, or
 * the program that sent it.
 */
import { createReadStream } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { createInterface } from "node:readline";
import { nameOf, type QuotaRequest, type Reply } from "./requests.ts";

/** One request sent once. */
export interface Attempt {
  readonly id: number;
  readonly request: QuotaRequest;
  /** The place in the journal; an attempt sent after an answer was noted has a greater one. */
  readonly sentAt: number;
  /** Infinity while there is no reply. */
  answeredAt: number;
  reply: Reply | undefined;
}

type Line = { readonly id: number } & ({ readonly sent: QuotaRequest } | { readonly reply: Reply });

export interface Journal {
  readonly path: string;
  /** Resolves with the attempt's number when the request is on the disk: only then send it. */
  sent(request: QuotaRequest): Promise<number>;
  /** Notes a reply; what is sent afterwards stands after it. */
  answered(id: number, reply: Reply): void;
  /** How many attempts were noted. */
  size(): number;
  close(): Promise<void>;
}

/** Opens a journal, to which it appends. */
export async function openJournal(path: string): Promise<Journal> {
  const file = await open(path, "a");
  const writer = createWriter(file);
  let ids = 0;
  return {
    path,
    async sent(request) {
      const id = (ids += 1);
      await writer.write({ id, sent: request });
      return id;
    },
    answered: (id, reply) => void writer.write({ id, reply }),
    size: () => ids,
    async close() {
      await writer.idle();
      await file.close();
    },
  };
}

/** Writes what waits as one group with one fdatasync: many callers share the time that it takes. */
function createWriter(file: FileHandle) {
  let waiting: string[] = [];
  let isScheduled = false;
  let last = Promise.resolve();
  const flush = async (): Promise<void> => {
    const text = waiting.join("");
    waiting = [];
    isScheduled = false;
    await file.appendFile(text);
    await file.datasync();
  };
  return {
    /** Resolves when the line is on the disk. */
    write(line: Line): Promise<void> {
      waiting.push(`${JSON.stringify(line)}\n`);
      if (!isScheduled) {
        isScheduled = true;
        last = last.then(flush);
      }
      return last;
    },
    idle: () => last,
  };
}

/** Reads a journal back. It must have been closed. */
export async function readJournal(path: string): Promise<Attempt[]> {
  const attempts = new Map<number, Attempt>();
  let at = 0;
  for await (const text of createInterface({ input: createReadStream(path) })) {
    at += 1;
    const line = JSON.parse(text) as Line;
    if ("sent" in line) {
      const { id, sent: request } = line;
      attempts.set(id, { id, request, sentAt: at, answeredAt: Infinity, reply: undefined });
    } else {
      const attempt = attempts.get(line.id)!;
      attempt.answeredAt = at;
      attempt.reply = line.reply;
    }
  }
  return [...attempts.values()];
}

/** The attempts of each operation, in the order in which they were sent. */
export function byOperation(attempts: readonly Attempt[]): Map<string, Attempt[]> {
  return Map.groupBy(attempts, ({ request }) => nameOf(request));
}
