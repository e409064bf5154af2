import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { status as Code } from "@grpc/grpc-js";
import * as fc from "fast-check";

import {
  BillingError,
  deliverNow,
  deliverWaiting,
  Spool,
  SpoolFullError,
} from "../../src/client/index.ts";
import { deliverInBackground, type Send } from "../../src/client/delivery.ts";
import { REFUND_REASONS } from "../../src/client/requests.ts";
import {
  CorruptEntryError,
  decodeEntry,
  encodeEntry,
  type SpoolEntry,
} from "../../src/client/spool-entry.ts";
import {
  CLAIM_LEASE_MS,
  isAbandoned,
  newEntryId,
  ownerTag,
} from "../../src/client/spool-name.ts";
import { BALANCE, reservationOf } from "../wire/scripted-server.ts";
import { freshDirectory } from "../support/servers.ts";

const ANSWER = {
  reservation: reservationOf("rsv_1"),
  balance: BALANCE,
  replayed: false,
  reservations: [],
};

function refund(key: string): SpoolEntry {
  const input = { idempotencyKey: key, reservationId: `rsv_${key}`, reason: "TIMEOUT" } as const;
  return { method: "RefundQuota", createTimeMs: 1_000, input };
}

function unavailable(): BillingError {
  return new BillingError({ code: Code.UNAVAILABLE, message: "nobody there" });
}

function refused(reason: string): BillingError {
  return new BillingError({ code: Code.FAILED_PRECONDITION, reason, message: "no" });
}

/** A line to a service that does what the test says, and remembers what it was sent. */
function line(answer: (key: string) => void = () => undefined): { send: Send; sent: string[] } {
  const sent: string[] = [];
  const send: Send = async ({ input }) => {
    sent.push(input.idempotencyKey);
    answer(input.idempotencyKey);
    return ANSWER;
  };
  return { send, sent };
}

/** An entry on disk that waits, as one of a service that was away. */
async function waits(spool: Spool, key: string): Promise<void> {
  await spool.postpone(await spool.put(refund(key)));
}

const words = fc.string({ unit: "grapheme", maxLength: 255 });
const key = fc.string({
  unit: fc.constantFrom("a", "Z", "9", "/", "-", "_"),
  minLength: 1,
  maxLength: 128,
});
const PLAIN = { noNullPrototype: true } as const;
const anyRefund = fc.record(
  {
    method: fc.constant("RefundQuota" as const),
    createTimeMs: fc.nat(),
    input: fc.record(
      {
        idempotencyKey: key,
        reservationId: key,
        reason: fc.constantFrom(...REFUND_REASONS),
        failedStep: words,
        detail: words,
      },
      PLAIN,
    ),
  },
  PLAIN,
);
const anyCommit = fc.record(
  {
    method: fc.constant("CommitQuota" as const),
    createTimeMs: fc.nat(),
    input: fc.record(
      {
        idempotencyKey: key,
        reservationId: key,
        actualAmount: fc.option(fc.bigInt(0n, 2n ** 62n), { nil: undefined }),
      },
      PLAIN,
    ),
  },
  PLAIN,
);
const anyEntry: fc.Arbitrary<SpoolEntry> = fc.oneof(anyRefund, anyCommit);

describe("a spool entry", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(anyEntry, (entry) =>
        assert.deepEqual(decodeEntry(encodeEntry(entry)).entry, entry),
      ),
    );
  });

  it("is never read as another one: a torn or rotten file is no entry", () => {
    const damage = fc.record({
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      bit: fc.nat(7),
      cut: fc.boolean(),
    });
    fc.assert(
      fc.property(anyEntry, damage, (entry, { at, bit, cut }) => {
        const whole = encodeEntry(entry);
        const place = Math.floor(at * (whole.length - 2));
        const bytes = Buffer.from(cut ? whole.subarray(0, place) : whole);
        if (!cut) bytes[place]! ^= 1 << bit;
        try {
          assert.deepEqual(decodeEntry(bytes).entry, entry);
        } catch (error) {
          assert.ok(error instanceof CorruptEntryError);
        }
      }),
    );
  });

  it("is not written when it is longer than what would be read", () => {
    const entry = refund("k");
    const input = { ...entry.input, reason: "TIMEOUT", detail: "x".repeat(20_000) } as const;
    assert.throws(
      () =>
        encodeEntry({ method: "RefundQuota", createTimeMs: 0, input: { ...input, taskId: "t" } }),
      RangeError,
    );
  });
});

describe("ids of spool entries", () => {
  it("sort as they were made, also within one millisecond", () => {
    const nowMs = Date.now();
    const ids = [nowMs, nowMs, nowMs, nowMs + 1, nowMs + 1].flatMap((ms) =>
      Array.from({ length: 100 }, () => newEntryId(ms)),
    );
    assert.deepEqual(ids, ids.toSorted());
    assert.equal(new Set(ids).size, ids.length);
    for (const id of ids) assert.match(id, /^[0-9a-f]{24}$/);
  });
});

describe("the spool", () => {
  let directory: string;
  let spool: Spool;

  beforeEach(async () => {
    directory = await freshDirectory();
    spool = await Spool.open(directory);
  });

  it("keeps an entry until it is delivered, and then nothing of it", async () => {
    const away = line(() => {
      throw unavailable();
    });
    const spooled = await deliverNow(spool, away.send, refund("a"));
    assert.equal(spooled.outcome, "SPOOLED");
    const back = line();
    const round = await deliverWaiting(spool, back.send, { all: true });
    assert.deepEqual([round.delivered, back.sent], [1, ["a"]]);
    const status = await spool.status();
    assert.deepEqual([status.waiting, status.claimed, status.dead], [0, 0, 0]);
  });

  it("has the entry on disk before it is first sent", async () => {
    const onDisk: number[] = [];
    const { send } = line();
    await deliverNow(
      spool,
      async (entry) => {
        onDisk.push((await spool.status()).claimed);
        return send(entry);
      },
      refund("a"),
    );
    assert.deepEqual(onDisk, [1]);
  });

  it("delivers each entry once though several work on it at the same time", async () => {
    for (let i = 0; i < 60; i++) await waits(spool, `k${i}`);
    const { send, sent } = line();
    const others = await Promise.all(Array.from({ length: 4 }, () => Spool.open(directory)));
    const rounds = await Promise.all(
      others.map((each) => deliverWaiting(each, send, { all: true })),
    );
    assert.equal(
      rounds.reduce((sum, { delivered }) => sum + delivered, 0),
      60,
    );
    assert.equal(new Set(sent).size, 60);
    assert.equal(sent.length, 60);
  });

  it("leaves alone what a living process has claimed, and takes over what it has left for too long", async () => {
    await spool.put(refund("a"));
    const { send, sent } = line();
    await deliverWaiting(spool, send, { all: true });
    assert.deepEqual(sent, []);
    const claimed = join(directory, "claimed");
    const [file = ""] = await readdir(claimed);
    const stale = file.replace(/\d+$/, String(Date.now() - CLAIM_LEASE_MS - 1));
    await rename(join(claimed, file), join(claimed, stale));
    await deliverWaiting(spool, send, { all: true });
    assert.deepEqual(sent, ["a"]);
  });

  it("knows the dead: a process that is gone, and one before us that had our pid", () => {
    const mine = ownerTag(Date.now());
    assert.equal(isAbandoned(mine, Date.now()), false);
    const [host, pid, run, time] = mine.split("-") as [string, string, string, string];
    // No pid is that high.
    assert.equal(isAbandoned(`${host}-4194305-${run}-${time}`, Date.now()), true);
    assert.equal(isAbandoned(`${host}-${pid}-00000000-${time}`, Date.now()), true);
    assert.equal(isAbandoned(`${host}-1-00000000-${time}`, Date.now()), false);
    assert.equal(isAbandoned(`00000000-${pid}-${run}-${time}`, Date.now()), false);
    assert.equal(isAbandoned(mine, Date.now() + CLAIM_LEASE_MS + 1_000), true);
    assert.equal(isAbandoned(mine, Date.now() - CLAIM_LEASE_MS - 1_000), true);
    assert.equal(isAbandoned("nonsense", Date.now()), true);
  });

  it("moves what is refused for good among the dead, with the reason, and goes on with the rest", async () => {
    for (const each of ["a", "b", "c"]) await waits(spool, each);
    const { send } = line((sentKey) => {
      if (sentKey === "b") throw refused("REFUND_NOT_ELIGIBLE");
    });
    const round = await deliverWaiting(spool, send, { all: true });
    assert.deepEqual([round.delivered, round.refused, round.postponed], [2, 1, 0]);
    const [dead] = await spool.dead();
    assert.equal(dead?.burial.reason, "REFUND_NOT_ELIGIBLE");
    assert.equal(dead?.entry?.input.idempotencyKey, "b");
  });

  it("keeps what a wrong token or a fault of the service has kept from being delivered", async () => {
    for (const code of [
      Code.UNAUTHENTICATED,
      Code.PERMISSION_DENIED,
      Code.INTERNAL,
      Code.UNIMPLEMENTED,
      Code.RESOURCE_EXHAUSTED,
    ]) {
      const { send } = line(() => {
        throw new BillingError({ code, reason: "X", message: "not now" });
      });
      assert.equal((await deliverNow(spool, send, refund(`k${code}`))).outcome, "SPOOLED");
    }
    assert.equal((await spool.status()).waiting, 5);
  });

  it("lets no entry that fails stand in the way of the others", async () => {
    for (const each of ["a", "b", "c"]) await waits(spool, each);
    const failing = line((sentKey) => {
      if (sentKey === "a") {
        throw new BillingError({ code: Code.INTERNAL, reason: "INTERNAL", message: "bug" });
      }
    });
    const first = await deliverWaiting(spool, failing.send, { all: true });
    assert.deepEqual([first.delivered, first.postponed], [2, 1]);
    await waits(spool, "d");
    await deliverWaiting(spool, failing.send, { all: true });
    // What has failed twice waits longer than what came after it.
    assert.deepEqual(failing.sent.slice(3).toSorted(), ["a", "d"]);
    const [name] = await spool.waiting();
    assert.equal(name?.failures, 3);
  });

  it("sends nothing more in a round once the service turns out to be away", async () => {
    for (const each of ["a", "b", "c"]) await waits(spool, each);
    const { send, sent } = line(() => {
      throw unavailable();
    });
    const round = await deliverWaiting(spool, send, { all: true });
    assert.deepEqual([sent.length, round.postponed, (await spool.status()).waiting], [1, 1, 3]);
  });

  it("waits longer with each failure, but never beyond five minutes, whatever the clock does", async () => {
    let claim = await spool.put(refund("a"));
    const pausesMs: number[] = [];
    for (let i = 0; i < 15; i++) {
      await spool.postpone(claim);
      const [name] = await spool.waiting();
      pausesMs.push(name!.dueMs - Date.now());
      claim = (await spool.claim(name!))!;
    }
    assert.ok(pausesMs[0]! <= 1_000 && pausesMs[4]! > 7_000, pausesMs.join());
    assert.ok(
      pausesMs.every((pauseMs) => pauseMs <= 300_000),
      pausesMs.join(),
    );
    await spool.postpone(claim);
    assert.equal((await spool.waiting(Date.now())).length, 0);
    // The clock is set back by a day: an entry due "tomorrow" is due now.
    const waiting = join(directory, "waiting");
    const [file = ""] = await readdir(waiting);
    const tomorrow = String(Date.now() + 86_400_000).padStart(15, "0");
    await rename(join(waiting, file), join(waiting, file.replace(/^\d{15}/, tomorrow)));
    assert.equal((await spool.waiting(Date.now())).length, 1);
  });

  it("puts a file that is no entry among the dead as it is, and goes on", async () => {
    await waits(spool, "a");
    await waits(spool, "b");
    const waiting = join(directory, "waiting");
    const [file = ""] = (await readdir(waiting)).sort();
    await writeFile(join(waiting, file), "half of an ent");
    await writeFile(join(waiting, "README"), "a file of somebody else");
    const { send } = line();
    const round = await deliverWaiting(spool, send, { all: true });
    assert.deepEqual([round.corrupt, round.delivered], [1, 1]);
    const [dead] = await readdir(join(directory, "dead"));
    assert.match(dead!, /\.corrupt$/);
    assert.equal(await readFile(join(directory, "dead", dead!), "utf8"), "half of an ent");
    assert.equal((await spool.dead())[0]?.burial.reason, "CORRUPT");
  });

  it("finishes a file that a dead process had written whole, and removes a torn one", async () => {
    const dead = `00000000-1-00000000-${Date.now() - CLAIM_LEASE_MS - 1}`;
    const whole = encodeEntry(refund("a"));
    const temp = join(directory, "temp");
    await writeFile(join(temp, `${"0".repeat(24)}.new@${dead}`), whole);
    await writeFile(join(temp, `${"1".repeat(24)}.new@${dead}`), whole.subarray(0, -9));
    await writeFile(join(temp, `${"2".repeat(24)}.dead@${dead}`), whole);
    const { send, sent } = line();
    await deliverWaiting(spool, send, { all: true });
    assert.deepEqual(sent, ["a"]);
    assert.deepEqual(await readdir(temp), []);
  });

  it("takes no more than its bound, and keeps no more of the dead than theirs", async () => {
    const small = await Spool.open(directory, { maxEntries: 2, maxDead: 2 });
    await waits(small, "a");
    await small.put(refund("b"));
    await assert.rejects(small.put(refund("c")), SpoolFullError);
    const other = await Spool.open(await freshDirectory(), { maxDead: 2 });
    const { send } = line(() => {
      throw refused("RESERVATION_NOT_FOUND");
    });
    for (const each of ["a", "b", "c"]) await deliverNow(other, send, refund(each));
    const keys = (await other.dead()).map(({ entry }) => entry?.input.idempotencyKey);
    assert.deepEqual(keys, ["b", "c"]);
  });

  it("sends what it can't write, and says when that fails too", async () => {
    const full = await Spool.open(directory, { maxEntries: 0 });
    const { send } = line();
    const delivered = await deliverNow(full, send, refund("a"));
    assert.equal(delivered.outcome, "DELIVERED");
    assert.ok(delivered.spoolError instanceof SpoolFullError);
    const lost = await deliverNow(full, () => Promise.reject(unavailable()), refund("a"));
    assert.equal(lost.outcome, "LOST");
    assert.ok(lost.spoolError instanceof SpoolFullError);
    const no = await deliverNow(
      full,
      () => Promise.reject(refused("REFUND_NOT_ELIGIBLE")),
      refund("a"),
    );
    assert.equal(no.outcome, "REFUSED");
  });

  it("lets nobody else read what has failed", async () => {
    const own = join(directory, "own");
    await mkdir(own, { mode: 0o755 });
    await chmod(own, 0o755);
    const mine = await Spool.open(join(own, "spool"));
    const { file } = await mine.put(refund("a"));
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal((await stat(join(own, "spool"))).mode & 0o777, 0o700);
  });

  it("delivers in the background, until it is told to stop", async () => {
    const first = Promise.withResolvers<void>();
    const { send, sent } = line();
    const delivery = deliverInBackground(spool, send, {
      intervalMs: 1,
      onRound: () => first.resolve(),
      onError: (error) => first.reject(error),
    });
    await spool.postpone(await spool.put(refund("a")));
    await first.promise;
    await delivery.stop();
    assert.deepEqual(sent, ["a"]);
  });
});
