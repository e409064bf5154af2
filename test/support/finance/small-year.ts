/** A small seeded year: 40 days over the end of a year, with one of everything that can happen. */
import type { MikroORM } from "@mikro-orm/mysql";
import type { SeedYearSize } from "../../../src/demo/seed-year/options.ts";
import { seedYear, type SeededYear } from "../../../src/demo/seed-year/seed-year.ts";
import { migrate } from "../../../src/store/migrate.ts";
import { closeOrm, openOrm } from "../../../src/store/orm.ts";
import { createSealer } from "../../../src/store/sealing.ts";
import type { DatabaseFlavour } from "../../../src/local/database.ts";
import { freshSchema } from "../servers.ts";

export const SMALL_YEAR = {
  members: 150,
  movements: 12_000,
  orders: 600,
  costs: 4_000,
  days: 40,
  seed: 7,
  until: "2026-01-20",
} as const satisfies SeedYearSize;

const KEY = { id: "test", key: Buffer.alloc(32, 1) };

export interface SmallYear extends SeededYear {
  readonly orm: MikroORM;
  readonly url: string;
  sql(statement: string): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

export async function openSmallYear(
  flavour: DatabaseFlavour,
  size: Partial<SeedYearSize> = {},
): Promise<SmallYear> {
  const schema = await freshSchema(flavour);
  await migrate({ url: schema.url, tls: undefined });
  const orm = await openOrm({ url: schema.url, poolMax: 2, statementTimeoutMs: Infinity });
  const sealer = createSealer({ keys: [KEY], activeKeyId: KEY.id, indexKey: KEY.key });
  const seeded = await seedYear(orm, { ...SMALL_YEAR, ...size, sealer });
  return {
    ...seeded,
    orm,
    url: schema.url,
    sql: (statement) => orm.em.fork().execute(statement),
    async close() {
      await closeOrm(orm);
      await schema.drop();
    },
  };
}
