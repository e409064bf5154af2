/** What happened, with the bytes: requests and their answers, callbacks and theirs. */

export interface RequestEntry {
  readonly kind: "request";
  /** Simulated time. */
  readonly atMs: number;
  readonly method: string;
  /** Path and query as they came. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The kind of the fault that was played on it. */
  fault: string | null;
  /** Null until it is answered, and for ever when it is hung or cut. */
  answer: SentAnswer | null;
}

export interface SentAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface CallbackEntry {
  readonly kind: "callback";
  readonly atMs: number;
  readonly url: string;
  readonly eventId: string;
  readonly eventType: string;
  /** 0 for the first delivery of an event, then the number of the retry. */
  readonly attempt: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The faults in it. */
  readonly twists: readonly string[];
  /** What came back; null while it is under way. */
  outcome: CallbackOutcome | null;
  /** Whether WeChat Pay takes it as received. */
  accepted: boolean;
}

export type CallbackOutcome =
  | { readonly status: number; readonly body: Buffer }
  | { readonly error: string };
export type JournalEntry = RequestEntry | CallbackEntry;

/** The oldest entries go when there are more: a simulator may run for weeks. */
const ENTRIES_MAX = 10_000;

export class Journal {
  readonly entries: JournalEntry[] = [];

  add<T extends JournalEntry>(entry: T): T {
    this.entries.push(entry);
    if (this.entries.length > ENTRIES_MAX) this.entries.shift();
    return entry;
  }
}
