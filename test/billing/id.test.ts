import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  CALLER_ID,
  createIdSource,
  tagInId,
  tagOf,
  TAG_COUNT,
  type UserId,
} from "../../src/billing/id.ts";
import { START_MS, lehmer } from "./support/world.ts";

/** Of ann, bob, user-1 and A: FNV-1a, folded by 15 bits, modulo 1024. */
const KNOWN_TAGS = [587, 345, 978, 731];

/** How many ids one millisecond has room for. */
const COUNTER_END = 32 ** 4;

describe("ids that we make", () => {
  it("have a prefix and 24 characters that can't be misread", () => {
    const id = createIdSource(Math.random).next("rsv", START_MS, "ann" as UserId);
    assert.match(id, /^rsv_[0-9A-HJKMNP-TV-Z]{24}$/);
  });

  it("satisfy the rule of ids that callers choose, so that they can be used as such", () => {
    assert.match(createIdSource(Math.random).next("rsv", START_MS), CALLER_ID);
  });

  it("are ordered by time, and by making within a millisecond, though the clock steps back", () => {
    const step = fc.integer({ min: -5_000, max: 5_000 });
    const steps = fc.array(step, { minLength: 2, maxLength: 50 });
    fc.assert(
      fc.property(steps, (changes) => {
        const source = createIdSource(Math.random);
        let nowMs = START_MS;
        let last = "";
        for (const change of changes) {
          nowMs += change;
          const id = source.next("op", nowMs, `user-${change}` as UserId);
          assert.ok(last < id);
          last = id;
        }
      }),
    );
  });

  it("are ordered by time across processes whose clocks agree", () => {
    const [one, two] = [createIdSource(lehmer(1)), createIdSource(lehmer(2))];
    const ids = Array.from({ length: 100 }, (_, at) =>
      (at % 2 === 0 ? one : two).next("op", START_MS + at),
    );
    assert.deepEqual(ids, ids.toSorted());
  });

  it("differ between two processes that make them at the same milliseconds", () => {
    const [one, two] = [createIdSource(Math.random), createIdSource(Math.random)];
    const ids = new Set<string>();
    for (let at = 0; at < 10_000; at++) {
      for (const source of [one, two]) ids.add(source.next("op", START_MS + (at >>> 5)));
    }
    assert.equal(ids.size, 20_000);
  });

  it("borrow from the next millisecond when one is full, and stay unique and in order", () => {
    const source = createIdSource(Math.random);
    let last = "";
    for (let at = 0; at <= COUNTER_END + 1; at++) {
      const id = source.next("op", START_MS);
      if (at % 65_536 === 0 || at >= COUNTER_END - 2) assert.ok(last < id);
      last = id;
    }
    assert.ok(last < source.next("op", START_MS + 1));
    assert.ok(last < source.next("op", START_MS + 2));
  });

  it("end with the tag of their owner, and can be told the group by it", () => {
    const source = createIdSource(Math.random);
    fc.assert(
      fc.property(fc.stringMatching(CALLER_ID), (text) => {
        const owner = text as UserId;
        const tag = tagOf(owner);
        assert.ok(Number.isInteger(tag) && tag >= 0 && tag < TAG_COUNT);
        assert.equal(tagInId(source.next("rsv", START_MS, owner)), tag);
      }),
    );
    assert.equal(tagInId(source.next("rsv", START_MS)), 0);
  });

  it("tell every group apart, and bear the same one for ever", () => {
    const source = createIdSource(Math.random);
    const groups = new Set<number>();
    for (let at = 0; at < 20 * TAG_COUNT; at++) {
      const owner = `user-${at}` as UserId;
      groups.add(tagOf(owner));
      assert.equal(tagInId(source.next("rsv", START_MS, owner)), tagOf(owner));
    }
    assert.equal(groups.size, TAG_COUNT);
    // Stored ids bear these: another function would send their commands to other lanes.
    const known = ["ann", "bob", "user-1", "A"].map((name) => tagOf(name as UserId));
    assert.deepEqual(known, KNOWN_TAGS);
  });

  it("give any text a group, whatever it is", () => {
    for (const text of ["", "A", "_", "rsv_", "rsv_1I", "rsv_lo", "任务", "😀"]) {
      const group = tagInId(text);
      assert.ok(group >= 0 && group < TAG_COUNT, text);
    }
  });

  it("spread users who are numbered one after the other over all groups evenly", () => {
    const counts = Array.from({ length: TAG_COUNT }, () => 0);
    const users = 100 * TAG_COUNT;
    for (let at = 0; at < users; at++) counts[tagOf(`user-${at}` as UserId)]! += 1;
    assert.ok(Math.min(...counts) > 50, `the emptiest group has ${Math.min(...counts)} of 100`);
    assert.ok(Math.max(...counts) < 160, `the fullest group has ${Math.max(...counts)} of 100`);
  });
});

describe("ids that callers choose", () => {
  it("are 1 to 63 characters that begin with a letter or a digit", () => {
    for (const good of ["a", "9", "A.b_c:d-e", "x".repeat(63)]) assert.match(good, CALLER_ID);
    const bad = ["", "x".repeat(64), ".a", "-a", "_a", ":a", "a b", "a ", "a\n", "ä", "a/b", "用户"];
    for (const text of bad) assert.doesNotMatch(text, CALLER_ID);
  });
});
