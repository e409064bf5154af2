// expect: FAIL
// item: 1
import type { Pool, PoolClient } from "pg";

async function withTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}

export class UsageRepository {
  constructor(private readonly pool: Pool) {}

  consume(orgId: string, units: number) {
    return withTransaction(this.pool, async (client) => {
      const found = await client.query("SELECT units_left FROM org_quota WHERE org_id = $1", [orgId]);
      const left: number = found.rows[0]?.units_left ?? 0;
      if (left < units) throw new Error("quota exceeded");
      await client.query("UPDATE org_quota SET units_left = units_left - $2 WHERE org_id = $1", [orgId, units]);
    });
  }
}
