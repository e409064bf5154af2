/** SEALING_KEYS_FILE: a ring that is sound, or a fault that quotes no key. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, loadConfig } from "../../src/config.ts";
import { createSealer } from "../../src/store/sealing.ts";
import { freshDirectory } from "../support/servers.ts";
import { sha256 } from "../support/service.ts";

const key = () => randomBytes(32).toString("base64");

describe("SEALING_KEYS_FILE", () => {
  let environment: Record<string, string>;
  let file: string;
  before(async () => {
    const directory = await freshDirectory();
    const identities = join(directory, "identities.json");
    file = join(directory, "keys.json");
    const caller = { name: "a", roles: ["admin"], token_sha256: sha256("a token") };
    writeFileSync(identities, JSON.stringify([caller]));
    environment = {
      DATABASE_URL: "mysql://billing:secret@db.internal:3306/billing",
      IDENTITIES_FILE: identities,
      SEALING_KEYS_FILE: file,
    };
  });

  const faultsOf = (content: string): string => {
    writeFileSync(file, content, { mode: 0o600 });
    try {
      loadConfig(environment);
      return "";
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      return error.message;
    }
  };

  it("gives the keys of which one seals and all open", () => {
    const [first, second, indexKey] = [key(), key(), key()];
    const ring = {
      active: "k2",
      index_key: indexKey,
      keys: [
        { id: "k1", key: first },
        { id: "k2", key: second },
      ],
    };
    assert.equal(faultsOf(JSON.stringify(ring)), "");
    const { sealing } = loadConfig(environment);
    const sealer = createSealer(sealing!);
    const before = createSealer({ ...sealing!, activeKeyId: "k1" }).seal("text", "place");
    assert.equal(sealer.open(before, "place"), "text");
    assert.match(sealer.seal("text", "place"), /^v1\.k2\.[\w-]{16}\.[\w-]+$/);
  });

  it("is refused with what is wrong in it, and quotes no key", () => {
    const canary = key();
    const good = { active: "k1", index_key: key(), keys: [{ id: "k1", key: canary }] };
    const cases: readonly (readonly [unknown, RegExp])[] = [
      [{ ...good, active: "k2" }, /the active sealing key k2 is not in the ring/],
      [{ ...good, index_key: undefined }, /is wrong at index_key/],
      [{ ...good, index_key: canary.slice(4) }, /is wrong at index_key/],
      [{ ...good, keys: [] }, /is wrong at keys/],
      [{ ...good, keys: [{ id: "k1", key: `${canary}AAAA` }] }, /is wrong at keys\.0\.key/],
      [{ ...good, keys: [{ id: "k.1", key: canary }], active: "k.1" }, /letters, digits and hyphens/],
      [{ ...good, keys: [...good.keys, ...good.keys] }, /two sealing keys have the same id/],
      [{ ...good, note: canary }, /is wrong at its top/],
      [[canary], /is wrong at its top/],
    ];
    for (const [ring, expected] of cases) {
      const told = faultsOf(JSON.stringify(ring));
      assert.match(told, expected);
      assert.ok(!told.includes(canary.slice(4, 30)), told);
    }
    assert.match(faultsOf(`{"active": "k1", "index_key": "${canary}`), /is wrong at its top/);
  });

  it("is needed where somebody pays", () => {
    assert.throws(
      () =>
        loadConfig({ ...environment, SEALING_KEYS_FILE: "", WECHAT_FILE: environment["IDENTITIES_FILE"] }),
      /SEALING_KEYS_FILE is needed with WECHAT_FILE/,
    );
  });
});
