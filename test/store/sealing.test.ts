import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { countKeys, rotateKeys } from "../../src/store/rotate-keys.ts";
import { createSealer, keyIdOf, type SealingKeys } from "../../src/store/sealing.ts";
import { openBank } from "../support/bank.ts";
import { flavours } from "../support/servers.ts";

const key = () => randomBytes(32);
const ring = (...ids: string[]): SealingKeys => ({
  keys: ids.map((id) => ({ id, key: key() })),
  activeKeyId: ids[0]!,
  indexKey: key(),
});
const CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";

describe("sealed values", () => {
  const sealer = createSealer(ring("k1"));

  it("open to what was sealed, whatever it was", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string(), (text, place) => {
        assert.equal(sealer.open(sealer.seal(text, place), place), text);
      }),
    );
  });

  it("open nowhere else, and not with any character changed", () => {
    const sealed = sealer.seal("o-payer", "orders.payer_openid_sealed:ord_1");
    assert.throws(
      () => sealer.open(sealed, "orders.payer_openid_sealed:ord_2"),
      /changed or moved/,
    );
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), fc.constantFrom(...CHARS.split("")), (at, char) => {
        fc.pre(sealed[at] !== char);
        const wrong = sealed.slice(0, at) + char + sealed.slice(at + 1);
        assert.throws(() => sealer.open(wrong, "orders.payer_openid_sealed:ord_1"));
      }),
    );
  });

  it("open in no other place, whatever that is called", () => {
    const places = fc.uniqueArray(fc.string(), { minLength: 2, maxLength: 2 });
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), places, (text, [own = "", other = ""]) => {
        const sealed = sealer.seal(text, own);
        assert.throws(() => sealer.open(sealed, other), /was changed or moved/);
      }),
    );
  });

  it("are told from what was never sealed, and cut or lengthened ones too", () => {
    const sealed = sealer.seal("o-payer", "place");
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), fc.string({ minLength: 1 }), (at, more) => {
        assert.throws(() => sealer.open(sealed.slice(0, at), "place"));
        assert.throws(() => sealer.open(sealed + more, "place"));
        assert.throws(() => sealer.open(more, "place"), /place is not a sealed value/);
      }),
    );
  });

  it("never look the same twice, and are found by their index all the same", () => {
    assert.notEqual(sealer.seal("same", "x"), sealer.seal("same", "x"));
    assert.equal(sealer.index("same", "a"), sealer.index("same", "a"));
    assert.notEqual(sealer.index("same", "a"), sealer.index("same", "b"));
    assert.notEqual(sealer.index("same", "a"), createSealer(ring("k1")).index("same", "a"));
  });

  it("name the key that is missing, and no secret", () => {
    const sealed = createSealer(ring("old")).seal("secret text", "place");
    assert.throws(
      () => sealer.open(sealed, "place"),
      (error: Error) => {
        assert.match(error.message, /the key old, which is not in the ring/);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      },
    );
  });

  it("are made by sound rings only", () => {
    const good = ring("k1", "k2");
    assert.throws(() => createSealer({ ...good, activeKeyId: "k3" }), /k3 is not in the ring/);
    assert.throws(() => createSealer({ ...good, indexKey: randomBytes(16) }), /32 bytes/);
    const doubled = [...good.keys, good.keys[0]!];
    assert.throws(() => createSealer({ ...good, keys: doubled }), /same id/);
  });
});

for (const flavour of flavours()) {
  describe(`a change of keys on ${flavour}`, () => {
    it("seals everything anew, opens all of it, and tells when the old key is free", async () => {
      const bank = await openBank(flavour);
      const orm = await openOrm({ url: bank.url, poolMax: 2 });
      const before = ring("k1");
      const after: SealingKeys = {
        keys: [...before.keys, { id: "k2", key: key() }],
        activeKeyId: "k2",
        indexKey: before.indexKey,
      };
      const old = createSealer(before);
      const both = createSealer(after);
      try {
        const rows = Array.from({ length: 1_203 }, (_, at) => `pay_${String(at).padStart(6, "0")}`);
        const values = rows.map(
          (id) =>
            `('${id}', '${old.seal(`number ${id}`, `payment_numbers.transaction_sealed:${id}`)}')`,
        );
        await bank.sql(`insert into payment_numbers values ${values.join(",")}`);
        assert.equal((await countKeys(orm)).get("k1"), rows.length);
        const reports = await rotateKeys(orm, both, "k2", () => {});
        const report = reports.find(({ column }) => column.table === "payment_numbers")!;
        assert.deepEqual([report.opened, report.renewed], [rows.length, rows.length]);
        assert.deepEqual([...(await countKeys(orm))], [["k2", rows.length]]);
        for (const row of await bank.sql("select * from payment_numbers")) {
          const id = row["payment_id"] as string;
          const sealed = row["transaction_sealed"] as string;
          assert.equal(keyIdOf(sealed), "k2");
          const place = `payment_numbers.transaction_sealed:${id}`;
          assert.equal(both.open(sealed, place), `number ${id}`);
        }
        const again = await rotateKeys(orm, both, "k2", () => {});
        assert.equal(
          again.reduce((sum, { renewed }) => sum + renewed, 0),
          0,
        );
      } finally {
        await closeOrm(orm);
        await bank.close();
      }
    });
  });
}
