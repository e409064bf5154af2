import assert from "node:assert/strict";
import * as fc from "fast-check";
import { createFeatureVersion } from "../../src/billing/catalog/create-feature-version.ts";
import type { Feature } from "../../src/billing/catalog/feature.ts";
import { publishFeature } from "../../src/billing/catalog/publish-feature.ts";
import { retireFeature } from "../../src/billing/catalog/retire-feature.ts";
import { setFeatureAccess } from "../../src/billing/catalog/set-feature-access.ts";
import type { FeatureId, UserId } from "../../src/billing/id.ts";
import { Refusal, type Reason } from "../../src/billing/refusal.ts";
import { openCatalogue, terms, uniqueName, type Catalogue } from "../support/catalog.ts";
import { flavours } from "../support/servers.ts";

const refused =
  (reason: Reason, facts: Record<string, string> = {}) =>
  (error: unknown) => {
    assert.ok(error instanceof Refusal, String(error));
    assert.equal(error.reason, reason);
    for (const [key, value] of Object.entries(facts)) assert.equal(error.facts[key], value);
    return true;
  };

const times = <T>(count: number, make: (at: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, at) => make(at)));

for (const flavour of flavours()) {
  describe(`the catalogue's books on ${flavour}`, () => {
    let catalogue: Catalogue;
    before(async () => {
      catalogue = await openCatalogue(flavour);
    });
    after(() => catalogue.close());

    const revision = async () =>
      Number((await catalogue.sql("select revision from catalog_revisions"))[0]!["revision"]);
    const versionsOf = (featureId: FeatureId) =>
      catalogue.reader.listFeatures({ featureId, state: null }, { after: null, limit: 500 });
    const statesOf = async (featureId: FeatureId) =>
      (await versionsOf(featureId)).map(({ state }) => state);
    const countAll = async () => {
      const counts: Record<string, unknown> = {};
      const tables = ["features", "feature_access", "approvals", "audit_events", "operations"];
      for (const table of tables) {
        counts[table] = (await catalogue.sql(`select count(*) as n from ${table}`))[0]!["n"];
      }
      return { ...counts, revision: await revision() };
    };

    it("give back a version as it was written, with every limit and every character", async () => {
      const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
      const scopes = ["MEMBER", "WHITELIST", "INTERNAL"] as const;
      const change = fc.record(
        {
          displayName: text,
          launchPlan: text,
          quotaCost: fc.bigInt({ min: 0n, max: 1_000_000_000_000n }),
          highCost: fc.boolean(),
          accessScope: fc.constantFrom(...scopes),
          rateLimitPolicy: fc.option(
            fc.record(
              {
                maxPerHour: fc.nat(10_000),
                maxPerDay: fc.nat(10_000),
                cooldownSeconds: fc.nat(86_400),
                maxInFlight: fc.nat(1_000),
              },
              { noNullPrototype: true },
            ),
          ),
        },
        { noNullPrototype: true },
      );
      await fc.assert(
        fc.asyncProperty(change, async (differences) => {
          const written = await catalogue.draft(differences);
          const read = await catalogue.reader.findFeature(written.featureId, 1);
          assert.deepEqual(read, written);
          assert.deepEqual({ ...written, ...differences }, written);
        }),
        { numRuns: 30 },
      );
    });

    it("number versions without gap or double when 20 are written at once", async () => {
      const featureId = uniqueName("feature") as FeatureId;
      await times(20, () => catalogue.draft({ featureId }));
      const versions = (await versionsOf(featureId)).map(({ version }) => version);
      assert.deepEqual(
        versions,
        Array.from({ length: 20 }, (_, at) => at + 1),
      );
    });

    it("write once for one key sent 20 times at once, and give all the same answer", async () => {
      const key = uniqueName("key");
      const input = terms();
      const served = await times(20, () => catalogue.send(createFeatureVersion, input, { key }));
      assert.equal(served.filter(({ replayed }) => !replayed).length, 1);
      for (const { answer } of served) assert.deepEqual(answer, served[0]!.answer);
      assert.equal((await versionsOf(input.featureId)).length, 1);
    });

    it("give the first answer again after the catalogue has moved on", async () => {
      const { featureId, version } = await catalogue.draft();
      const key = uniqueName("key");
      const publish = () => catalogue.send(publishFeature, { featureId, version }, { key });
      const first = await publish();
      await catalogue.send(retireFeature, { featureId, reason: "over" });
      const again = await publish();
      assert.deepEqual([again.replayed, again.answer], [true, first.answer]);
      assert.deepEqual(await statesOf(featureId), ["RETIRED"]);
    });

    it("refuse a key that comes with other content, and name the field", async () => {
      const key = uniqueName("key");
      const input = terms();
      await catalogue.send(createFeatureVersion, input, { key });
      const policy = { maxPerHour: 1, maxPerDay: 5_000, cooldownSeconds: 0, maxInFlight: 0 };
      const others: [string, Parameters<typeof terms>[0]][] = [
        ["feature.feature_id", { featureId: "other" as FeatureId }],
        ["feature.quota_cost", { quotaCost: 2n }],
        ["feature.access_scope", { accessScope: "INTERNAL" }],
        ["feature.rate_limit_policy", { rateLimitPolicy: null }],
        ["feature.rate_limit_policy.max_per_hour", { rateLimitPolicy: policy }],
        ["feature.launch_plan", { launchPlan: "soon" }],
      ];
      const before = await countAll();
      for (const [field, change] of others) {
        const other = { ...input, ...change };
        await assert.rejects(
          catalogue.send(createFeatureVersion, other, { key }),
          refused("IDEMPOTENCY_KEY_REUSED", { method: "CreateFeatureVersion", field }),
        );
      }
      assert.deepEqual(await countAll(), before);
    });

    it("take the same key for two methods for two keys", async () => {
      const key = uniqueName("key");
      const { answer } = await catalogue.send(createFeatureVersion, terms(), { key });
      const { featureId, version } = answer.feature;
      const published = await catalogue.send(publishFeature, { featureId, version }, { key });
      assert.equal(published.replayed, false);
    });

    it("answer a preview as if, and write nothing", async () => {
      const { featureId, version } = await catalogue.published();
      const draft = await catalogue.draft({ featureId });
      const before = await countAll();
      const preview = { validateOnly: true };
      const next = await catalogue.send(createFeatureVersion, terms({ featureId }), preview);
      assert.equal(next.answer.feature.version, version + 2);
      const input = { featureId, version: draft.version };
      const published = await catalogue.send(publishFeature, input, preview);
      assert.equal(published.answer.feature.state, "PUBLISHED");
      const retired = await catalogue.send(retireFeature, { featureId, reason: "x" }, preview);
      assert.equal(retired.answer.feature.state, "RETIRED");
      const users = { featureId, addUserIds: ["u"] as UserId[], removeUserIds: [] };
      assert.equal((await catalogue.send(setFeatureAccess, users, preview)).answer.userCount, 1);
      await assert.rejects(
        catalogue.send(publishFeature, { featureId, version }, preview),
        refused("FEATURE_STATE_INVALID"),
      );
      assert.deepEqual(await countAll(), before);
    });

    it("leave one version in force when 8 are published at once", async () => {
      const featureId = uniqueName("feature") as FeatureId;
      const drafts = await times(8, () => catalogue.draft({ featureId }));
      const before = await revision();
      await Promise.all(
        drafts.map(({ version }) => catalogue.send(publishFeature, { featureId, version })),
      );
      const states = await statesOf(featureId);
      assert.equal(states.filter((state) => state === "PUBLISHED").length, 1);
      assert.equal(states.filter((state) => state === "SUPERSEDED").length, 7);
      assert.equal(await revision(), before + 8);
    });

    it("publish a version once when 8 ask at once, each with a key of its own", async () => {
      const { featureId, version } = await catalogue.draft();
      const outcomes = await Promise.allSettled(
        Array.from({ length: 8 }, () => catalogue.send(publishFeature, { featureId, version })),
      );
      const refusals = outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
      assert.equal(refusals.length, 7);
      for (const reason of refusals) {
        refused("FEATURE_STATE_INVALID", { featureId, version: "1", state: "PUBLISHED" })(reason);
      }
    });

    it("count up the revision when what is in force changes, and only then", async () => {
      const counted = async (work: () => Promise<unknown>) => {
        const before = await revision();
        await work();
        return (await revision()) - before;
      };
      let feature: Feature;
      assert.equal(await counted(async () => (feature = await catalogue.draft())), 0);
      const { featureId, version } = feature!;
      const publish = () => catalogue.send(publishFeature, { featureId, version });
      assert.equal(await counted(publish), 1);
      assert.equal(await counted(() => assert.rejects(publish())), 0);
      const users = { featureId, addUserIds: ["u"] as UserId[], removeUserIds: [] };
      assert.equal(await counted(() => catalogue.send(setFeatureAccess, users)), 0);
      const retire = () => catalogue.send(retireFeature, { featureId, reason: "over" });
      assert.equal(await counted(retire), 1);
      await assert.rejects(retire(), refused("FEATURE_NOT_PUBLISHED", { featureId }));
    });

    it("refuse what is unknown", async () => {
      const featureId = "nobody-knows" as FeatureId;
      const unknown = refused("FEATURE_NOT_FOUND", { featureId });
      await assert.rejects(catalogue.send(publishFeature, { featureId, version: 1 }), unknown);
      await assert.rejects(catalogue.send(retireFeature, { featureId, reason: "x" }), unknown);
      const users = { featureId, addUserIds: [], removeUserIds: [] };
      await assert.rejects(catalogue.send(setFeatureAccess, users), unknown);
      const known = await catalogue.draft();
      await assert.rejects(
        catalogue.send(publishFeature, { featureId: known.featureId, version: 2 }),
        refused("FEATURE_NOT_FOUND", { featureId: known.featureId }),
      );
    });

    it("refuse the specification's bad feature with all findings, and change nothing", async () => {
      const { featureId, version } = await catalogue.draft({
        quotaCost: 1n,
        highCost: true,
        category: "video",
        rateLimitPolicy: null,
      });
      const before = await countAll();
      await assert.rejects(catalogue.send(publishFeature, { featureId, version }), (error) => {
        refused("REVIEW_FAILED", { featureId, version: "1", rules: "BG103,BG104" })(error);
        const { violations } = error as Refusal;
        assert.deepEqual(
          violations.map(({ type, subject }) => [type, subject]),
          [
            ["BG103", "rate_limit_policy"],
            ["BG104", "quota_cost"],
          ],
        );
        return true;
      });
      assert.deepEqual(await countAll(), before);
    });

    it("put users on a list and take them off, each once, however many do so at once", async () => {
      const { featureId } = await catalogue.draft({ accessScope: "WHITELIST", launchPlan: "soon" });
      const set = (add: string[], remove: string[] = []) =>
        catalogue.send(setFeatureAccess, {
          featureId,
          addUserIds: add as UserId[],
          removeUserIds: remove as UserId[],
        });
      await times(10, (at) => set(["everybody", `user-${at}`]));
      assert.equal((await set([])).answer.userCount, 11);
      assert.equal((await set(["user-1"], ["user-2", "stranger"])).answer.userCount, 10);
      const rows = await catalogue.sql(
        `select user_id from feature_access where feature_id = '${featureId}' order by user_id`,
      );
      const left = [0, 1, 3, 4, 5, 6, 7, 8, 9].map((at) => `user-${at}`);
      assert.deepEqual(
        rows.map((row) => row["user_id"]),
        ["everybody", ...left],
      );
    });

    it("take as many users at once as the contract allows, of the longest names", async () => {
      const { featureId } = await catalogue.draft();
      const names = Array.from({ length: 1_000 }, (_, at) => String(at).padStart(63, "u"));
      const [old, young] = [names.slice(0, 500), names.slice(500)] as UserId[][];
      await catalogue.send(setFeatureAccess, { featureId, addUserIds: old!, removeUserIds: [] });
      const input = { featureId, addUserIds: young!, removeUserIds: old! };
      assert.equal((await catalogue.send(setFeatureAccess, input)).answer.userCount, 500);
    });

    it("leave one audit event for each change: by whom, from what, to what, and why", async () => {
      const featureId = uniqueName("feature") as FeatureId;
      const key = uniqueName("key");
      const input = terms({ featureId });
      await catalogue.send(createFeatureVersion, input, { key });
      await catalogue.send(createFeatureVersion, input, { key });
      await catalogue.send(createFeatureVersion, input, { validateOnly: true });
      const publish = () => catalogue.send(publishFeature, { featureId, version: 1 });
      await publish();
      await assert.rejects(publish());
      await catalogue.send(retireFeature, { featureId, reason: "nobody wants it" });
      const rows = await catalogue.sql(
        `select * from audit_events where subject = 'feature/${featureId}/1' order by event_id`,
      );
      assert.deepEqual(
        rows.map((row) => [row["action"], row["actor"], row["reason"]]),
        [
          ["CreateFeatureVersion", "ada", ""],
          ["PublishFeature", "ada", ""],
          ["RetireFeature", "ada", "nobody wants it"],
        ],
      );
      const states = rows.map(({ state_before: before, state_after: after }) => [
        before === "" ? null : JSON.parse(before as string).state,
        JSON.parse(after as string).state,
      ]);
      assert.deepEqual(states, [
        [null, "DRAFT"],
        [null, "PUBLISHED"],
        ["PUBLISHED", "RETIRED"],
      ]);
    });

    it("come to the states that a plain model says, whatever is done in any order", async () => {
      const step = fc.oneof(
        { weight: 3, arbitrary: fc.constant({ kind: "create" as const, version: 0 }) },
        fc.integer({ min: 1, max: 5 }).map((version) => ({ kind: "publish" as const, version })),
        fc.constant({ kind: "retire" as const, version: 0 }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          const featureId = uniqueName("feature") as FeatureId;
          const model: string[] = [];
          const counted = await revision();
          let changes = 0;
          for (const { kind, version } of steps) {
            const at = kind === "publish" ? version - 1 : model.indexOf("PUBLISHED");
            const wanted = kind === "publish" ? "DRAFT" : "PUBLISHED";
            const passes = kind === "create" || model[at] === wanted;
            const work =
              kind === "create"
                ? catalogue.draft({ featureId })
                : kind === "publish"
                  ? catalogue.send(publishFeature, { featureId, version })
                  : catalogue.send(retireFeature, { featureId, reason: "over" });
            if (!passes) {
              await assert.rejects(work, Refusal);
              continue;
            }
            await work;
            if (kind === "create") model.push("DRAFT");
            else changes += 1;
            if (kind === "publish") {
              const before = model.indexOf("PUBLISHED");
              if (before >= 0) model[before] = "SUPERSEDED";
              model[at] = "PUBLISHED";
            } else if (kind === "retire") model[at] = "RETIRED";
          }
          assert.deepEqual(await statesOf(featureId), model);
          assert.equal(await revision(), counted + changes);
        }),
        { numRuns: 30 },
      );
    });

    it("list every version once, page by page, by feature and version", async () => {
      const filter = { featureId: null, state: null };
      const all = await catalogue.reader.listFeatures(filter, { after: null, limit: 10_000 });
      const paged: Feature[] = [];
      for (;;) {
        const after = paged.at(-1) ?? null;
        const page = await catalogue.reader.listFeatures(filter, { after, limit: 7 });
        paged.push(...page);
        if (page.length < 7) break;
      }
      assert.ok(all.length > 20);
      assert.deepEqual(paged, all);
      const inForce = await catalogue.reader.listFeatures(
        { featureId: null, state: "PUBLISHED" },
        { after: null, limit: 10_000 },
      );
      assert.deepEqual(
        inForce,
        all.filter(({ state }) => state === "PUBLISHED"),
      );
    });
  });
}
