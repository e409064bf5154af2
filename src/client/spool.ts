/**
 * The spool: a directory of calls that must happen although the service is away. An entry is one
 * file; it is in exactly one of three places, and moves between them by rename:
 *
 *   waiting --claim--> claimed --remove--> gone, since it was delivered
 *                         |--postpone--> waiting, for later
 *                         |--bury--> dead, since the service refused it for good
 *
 * Several processes may work on it at once. What a dead process had claimed or half written is
 * taken over. An entry may be sent more than once; its idempotency key makes that one call.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import {
  isMissing,
  makeDirectory,
  movedTo,
  removed,
  syncDirectory,
  syncFile,
  writeDurably,
} from "./durable-file.ts";
import { forgetOldestDead, readDead, type DeadEntry } from "./spool-dead.ts";
import {
  CorruptEntryError,
  decodeEntry,
  encodeEntry,
  ENTRY_MAX_BYTES,
  type Burial,
  type SpoolEntry,
} from "./spool-entry.ts";
import {
  entryFileName,
  isAbandoned,
  newEntryId,
  ownerTag,
  parseEntryName,
  timeOfId,
  type EntryName,
} from "./spool-name.ts";

/** The spool takes no more entries. */
export class SpoolFullError extends Error {
  override readonly name = "SpoolFullError";
}

/** What a process does with the spool, in this order; for tests and for progress reports. */
export type SpoolStep = "WRITTEN" | "SPOOLED" | "CLAIMED" | "ANSWERED" | "BURIED" | "REMOVED";

export interface SpoolOptions {
  /** Entries waiting or claimed at most; 10,000 when absent, some 10 MB and hours of a bad day. */
  readonly maxEntries?: number | undefined;
  /** Dead entries kept; the oldest go first. 1,000 when absent. */
  readonly maxDead?: number | undefined;
  /** Called after each step; awaited. */
  readonly onStep?: ((step: SpoolStep) => void | Promise<void>) | undefined;
}

/** An entry that this process works on. */
export interface Claim {
  readonly name: EntryName;
  /** The file among the claimed ones. */
  readonly file: string;
}

export interface SpoolStatus {
  readonly waiting: number;
  readonly claimed: number;
  readonly dead: number;
  /** When the oldest entry that waits or is claimed was made; undefined when there's none. */
  readonly oldestTimeMs: number | undefined;
}

const MAX_ENTRIES = 10_000;
const MAX_DEAD = 1_000;
const FIRST_POSTPONE_MS = 1_000;
/** No entry waits longer than this for its next turn. */
const LAST_POSTPONE_MS = 5 * 60_000;

export class Spool {
  readonly directory: string;
  readonly #waiting: string;
  readonly #claimed: string;
  readonly #dead: string;
  readonly #temp: string;
  readonly #maxEntries: number;
  readonly #maxDead: number;
  readonly #onStep: (step: SpoolStep) => void | Promise<void>;

  private constructor(directory: string, options: SpoolOptions) {
    this.directory = directory;
    this.#waiting = join(directory, "waiting");
    this.#claimed = join(directory, "claimed");
    this.#dead = join(directory, "dead");
    this.#temp = join(directory, "temp");
    this.#maxEntries = options.maxEntries ?? MAX_ENTRIES;
    this.#maxDead = options.maxDead ?? MAX_DEAD;
    this.#onStep = options.onStep ?? (() => undefined);
  }

  /** Opens a spool; makes its directories where they are missing. Fails as the file system does. */
  static async open(directory: string, options: SpoolOptions = {}): Promise<Spool> {
    const spool = new Spool(directory, options);
    for (const path of [spool.#waiting, spool.#claimed, spool.#dead, spool.#temp]) {
      await makeDirectory(path);
    }
    return spool;
  }

  /**
   * Writes an entry; when this returns, it survives anything but the loss of the disk. It is
   * claimed by this process, which may send it at once, and is taken over if the process dies.
   * @throws SpoolFullError, or whatever the file system says
   */
  async put(entry: SpoolEntry): Promise<Claim> {
    const [waiting, claimed] = await Promise.all([readdir(this.#waiting), readdir(this.#claimed)]);
    if (waiting.length + claimed.length >= this.#maxEntries) {
      throw new SpoolFullError(`the spool has ${this.#maxEntries} entries already`);
    }
    const nowMs = Date.now();
    const name: EntryName = { dueMs: nowMs, failures: 0, id: newEntryId(nowMs) };
    const owner = ownerTag(nowMs);
    const file = join(this.#claimed, `${entryFileName(name)}@${owner}`);
    const temporary = join(this.#temp, `${name.id}.new@${owner}`);
    await writeDurably(temporary, file, encodeEntry(entry), () => this.#onStep("WRITTEN"));
    await this.#onStep("SPOOLED");
    return { name, file };
  }

  /** What waits, the one that is due first at the top. With `dueMs` only what is due by then. */
  async waiting(dueMs = Infinity): Promise<EntryName[]> {
    const names = (await readdir(this.#waiting))
      .map(parseEntryName)
      .filter((name) => name !== undefined);
    // A due time further away than any pause was written under a clock that has been set back
    // since.
    const isDue = (name: EntryName): boolean =>
      name.dueMs <= dueMs || name.dueMs > Date.now() + LAST_POSTPONE_MS;
    return names.filter(isDue).sort((left, right) => left.dueMs - right.dueMs);
  }

  /** Takes a waiting entry for this process; undefined when another one was faster. */
  async claim(name: EntryName): Promise<Claim | undefined> {
    const file = join(this.#claimed, `${entryFileName(name)}@${ownerTag(Date.now())}`);
    if (!(await movedTo(join(this.#waiting, entryFileName(name)), file))) return undefined;
    await this.#onStep("CLAIMED");
    return { name, file };
  }

  /** @throws CorruptEntryError */
  async read({ file }: Claim): Promise<SpoolEntry> {
    const { size } = await stat(file);
    if (size > ENTRY_MAX_BYTES) throw new CorruptEntryError(`longer than ${ENTRY_MAX_BYTES} bytes`);
    return decodeEntry(await readFile(file)).entry;
  }

  /** The entry was delivered. */
  async remove({ file }: Claim): Promise<void> {
    await this.#onStep("ANSWERED");
    // Not forced to disk: an entry that comes back after a loss of power is answered as the first
    // time.
    await removed(file);
    await this.#onStep("REMOVED");
  }

  /** The entry must be tried again later, after a pause that doubles each time. */
  async postpone({ name, file }: Claim): Promise<void> {
    const failures = name.failures + 1;
    const pauseMs = Math.min(LAST_POSTPONE_MS, FIRST_POSTPONE_MS * 2 ** Math.min(failures - 1, 20));
    const dueMs = Math.round(Date.now() + pauseMs * (0.5 + Math.random() / 2));
    await movedTo(file, join(this.#waiting, entryFileName({ ...name, dueMs, failures })));
  }

  /** The service has refused the entry for good: it is kept among the dead, with the reason. */
  async bury(claim: Claim, entry: SpoolEntry, burial: Burial): Promise<void> {
    await this.#onStep("ANSWERED");
    const { id } = claim.name;
    const temporary = join(this.#temp, `${id}.dead@${ownerTag(Date.now())}`);
    await writeDurably(temporary, join(this.#dead, `${id}.json`), encodeEntry(entry, burial));
    await this.#onStep("BURIED");
    await removed(claim.file);
    await forgetOldestDead(this.#dead, this.#maxDead);
    await this.#onStep("REMOVED");
  }

  /** The file is no entry: it is kept among the dead as it is, for people to look at. */
  async buryCorrupt({ name, file }: Claim): Promise<void> {
    await movedTo(file, join(this.#dead, `${name.id}.corrupt`));
    await syncDirectory(this.#dead);
    await forgetOldestDead(this.#dead, this.#maxDead);
  }

  /**
   * Takes back what dead processes had claimed, and finishes or removes what they had half written.
   */
  async recover(): Promise<void> {
    const nowMs = Date.now();
    for (const file of await readdir(this.#claimed)) {
      const [name = "", owner = ""] = file.split("@");
      if (parseEntryName(name) === undefined || !isAbandoned(owner, nowMs)) continue;
      await movedTo(join(this.#claimed, file), join(this.#waiting, name));
    }
    for (const file of await readdir(this.#temp)) {
      const [name = "", owner = ""] = file.split("@");
      if (isAbandoned(owner, nowMs)) await this.#finishTemporary(file, name, nowMs);
    }
  }

  async status(): Promise<SpoolStatus> {
    const [waiting, claimed, dead] = await Promise.all(
      [this.#waiting, this.#claimed, this.#dead].map((path) => readdir(path)),
    );
    const ids = [...waiting!, ...claimed!].map((file) => parseEntryName(file.split("@")[0]!)?.id);
    const times = ids.filter((id) => id !== undefined).map(timeOfId);
    return {
      waiting: waiting!.length,
      claimed: claimed!.length,
      dead: dead!.length,
      oldestTimeMs: times.length === 0 ? undefined : Math.min(...times),
    };
  }

  /** The dead, oldest first. */
  dead(): Promise<DeadEntry[]> {
    return readDead(this.#dead);
  }

  /**
   * Who died between writing and naming a file had been asked to do what it says: a whole one is an
   * entry. A torn one was never promised to anybody.
   */
  async #finishTemporary(file: string, name: string, nowMs: number): Promise<void> {
    const path = join(this.#temp, file);
    const id = /^([0-9a-f]{24})\.new$/.exec(name)?.[1];
    if (id === undefined || !(await isWhole(path))) return void (await removed(path));
    await syncFile(path);
    await movedTo(path, join(this.#waiting, entryFileName({ dueMs: nowMs, failures: 0, id })));
    await syncDirectory(this.#waiting);
  }
}

async function isWhole(path: string): Promise<boolean> {
  try {
    decodeEntry(await readFile(path));
    return true;
  } catch (error) {
    if (error instanceof CorruptEntryError || isMissing(error)) return false;
    throw error;
  }
}
