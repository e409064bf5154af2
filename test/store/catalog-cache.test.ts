import assert from "node:assert/strict";
import { getFeature } from "../../src/billing/catalog/get-feature.ts";
import { publishFeature } from "../../src/billing/catalog/publish-feature.ts";
import { retireFeature } from "../../src/billing/catalog/retire-feature.ts";
import type { FeatureId } from "../../src/billing/id.ts";
import { Refusal } from "../../src/billing/refusal.ts";
import { createCatalogCache, loadPublished } from "../../src/store/catalog-cache.ts";
import { readMoment } from "../../src/store/quota-facts.ts";
import { seedCatalog } from "../../src/store/seed.ts";
import { openCatalogue, type Catalogue } from "../support/catalog.ts";
import { flavours } from "../support/servers.ts";

for (const flavour of flavours()) {
  describe(`the catalogue in force on ${flavour}`, () => {
    let catalogue: Catalogue;
    before(async () => {
      catalogue = await openCatalogue(flavour);
    });
    after(() => catalogue.close());

    const em = () => catalogue.orm.em.fork();
    const revision = async () =>
      (await readMoment(em(), { timeOf: (databaseMs) => databaseMs })).revision;

    it("can't be read before it was seeded, and the error says so", async () => {
      await assert.rejects(loadPublished(em()), /seed the catalogue/);
    });

    it("is seeded once by several servers at once, and again without any change", async () => {
      await Promise.all([1, 2, 3].map(() => seedCatalog(catalogue.orm, Date.now())));
      const all = () =>
        catalogue.reader.listFeatures({ featureId: null, state: null }, { after: null, limit: 99 });
      const seeded = await all();
      const plans = await catalogue.reader.listPlans();
      const before = await revision();
      await seedCatalog(catalogue.orm, Date.now());
      assert.deepEqual([await all(), await catalogue.reader.listPlans()], [seeded, plans]);
      assert.equal(await revision(), before);
      assert.deepEqual(
        plans.map(({ planId, priceFen }) => [planId, priceFen]),
        [
          ["trial", 0n],
          ["membership-monthly", 9_900n],
        ],
      );
      assert.ok(seeded.every(({ version }) => version === 1));
      const scopes = new Set(seeded.map(({ accessScope }) => accessScope));
      assert.deepEqual([...scopes].sort(), ["INTERNAL", "MEMBER", "WHITELIST"]);
    });

    it("leaves alone what operators have made of the seeded features", async () => {
      const featureId = "image_upscale" as FeatureId;
      await catalogue.send(retireFeature, { featureId, reason: "over" });
      const dearer = "update plans set price_fen = 12800 where plan_id = 'membership-monthly'";
      await catalogue.sql(dearer);
      await seedCatalog(catalogue.orm, Date.now());
      assert.equal(await catalogue.reader.findFeature(featureId, 0), "unpublished");
      assert.equal((await catalogue.reader.listPlans()).at(-1)?.priceFen, 12_800n);
    });

    it("has the versions in force, tells unpublished from unknown, knows the trial", async () => {
      const { featureId } = await catalogue.published();
      const next = await catalogue.published({ featureId, quotaCost: 3n });
      const draft = await catalogue.draft();
      const { features, trialPlan } = await loadPublished(em());
      assert.deepEqual(features.find(featureId), next);
      assert.equal(features.find(draft.featureId), "unpublished");
      assert.equal(features.find("nobody-knows" as FeatureId), undefined);
      assert.equal(trialPlan.planId, "trial");
    });

    it("is read again when its revision has changed, and not otherwise", async () => {
      const catalogAt = createCatalogCache();
      const { featureId, version } = await catalogue.draft();
      const first = await catalogAt(em(), await revision());
      assert.equal(await catalogAt(em(), await revision()), first);
      assert.equal(first.features.find(featureId), "unpublished");
      await catalogue.send(publishFeature, { featureId, version });
      const second = await catalogAt(em(), await revision());
      assert.notEqual(second.features.find(featureId), "unpublished");
      assert.equal(await catalogAt(em(), await revision()), second);
    });

    it("is what GetFeature gives for version 0", async () => {
      const old = await catalogue.published();
      const { featureId } = old;
      const next = await catalogue.published({ featureId, quotaCost: 3n });
      const get = (version: number) => getFeature(catalogue.reader, { featureId, version });
      assert.deepEqual(await get(0), next);
      assert.deepEqual(await get(1), { ...old, state: "SUPERSEDED" });
      const reasonOf = async (work: Promise<unknown>) =>
        work.then(
          () => "found",
          (error: unknown) => (error instanceof Refusal ? error.reason : error),
        );
      assert.equal(await reasonOf(get(3)), "FEATURE_NOT_FOUND");
      await catalogue.send(retireFeature, { featureId, reason: "over" });
      assert.equal(await reasonOf(get(0)), "FEATURE_NOT_PUBLISHED");
      const unknown = { featureId: "nobody-knows" as FeatureId, version: 0 };
      assert.equal(await reasonOf(getFeature(catalogue.reader, unknown)), "FEATURE_NOT_FOUND");
    });
  });
}
