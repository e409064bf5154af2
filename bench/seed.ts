/** Schemas with the tables, the catalogue and the feature of the load. */
import { createIdSource, type FeatureId } from "../src/billing/id.ts";
import { createFeatureVersion } from "../src/billing/catalog/create-feature-version.ts";
import { publishFeature } from "../src/billing/catalog/publish-feature.ts";
import { createCatalogBooks } from "../src/store/catalog-books.ts";
import { migrate } from "../src/store/migrate.ts";
import { closeOrm, openOrm } from "../src/store/orm.ts";
import { seedCatalog } from "../src/store/seed.ts";
import { FEATURE_ID } from "./books.ts";
import type { Database } from "./place.ts";

/** Makes a schema with all tables, the catalogue, and the feature of the load. @returns its URL */
export async function makeSchema(database: Database, schema: string): Promise<string> {
  await database.sql("", `create database ${schema}`);
  const url = `${database.url}${schema}`;
  await migrate({ url, warn: () => {} });
  const orm = await openOrm({ url, poolMax: 2 });
  try {
    await seedCatalog(orm, Date.now());
    const books = createCatalogBooks(orm, {
      ids: createIdSource(Math.random),
      timeOf: (databaseMs) => databaseMs,
    });
    const command = <Input>(input: Input, idempotencyKey: string) => ({
      input,
      idempotencyKey,
      caller: { name: "bench" },
      validateOnly: false,
    });
    const featureId = FEATURE_ID as FeatureId;
    const terms = {
      featureId,
      displayName: "bench",
      quotaCost: 1n,
      highCost: false,
      category: "image",
      accessScope: "MEMBER",
      rateLimitPolicy: { maxPerHour: 0, maxPerDay: 0, cooldownSeconds: 0, maxInFlight: 0 },
      launchPlan: "",
    } as const;
    await books.serve(createFeatureVersion, command(terms, "bench-feature-create"));
    await books.serve(publishFeature, command({ featureId, version: 1 }, "bench-feature-publish"));
  } finally {
    await closeOrm(orm);
  }
  return url;
}
