/** Lawful sources of quota, looked up for GrantQuota. */
import type { EntityManager } from "@mikro-orm/mysql";
import { DAY_MS } from "../billing/clock.ts";
import type { GrantId, UserId } from "../billing/id.ts";
import type { SourceTerms } from "../billing/quota/grant-source.ts";
import { PRIORITY_DEFAULT } from "../billing/quota/lot.ts";
import { sourceKey } from "../billing/quota/serve.ts";
import { toBigInt, type Row } from "./cell.ts";
import { listSql } from "./sql.ts";

/**
 * What the named sources have to give, by `sourceKey`. A name without a lawful source behind it is
 * left out: an approval that isn't approved, or is for something else.
 */
export async function findSources(
  em: EntityManager,
  named: readonly { readonly kind: string; readonly id: string }[],
): Promise<Map<string, SourceTerms>> {
  const adjustments = named.filter(({ kind }) => kind === "ADJUSTMENT").map(({ id }) => id);
  const found = new Map<string, SourceTerms>();
  const orders = named.filter(({ kind }) => kind === "ORDER").map(({ id }) => id);
  for (const terms of await findOrders(em, orders)) found.set(sourceKey(terms), terms);
  if (adjustments.length === 0) return found;
  const sql = `select a.*, g.grant_id as used_by from approvals a
    left join quota_grants g on g.source_kind = 'ADJUSTMENT' and g.source_id = a.approval_id
    where a.approval_id in (${listSql(adjustments)})
      and a.kind = 'QUOTA_ADJUSTMENT' and a.state = 'APPROVED'`;
  for (const row of await em.execute<Row[]>(sql)) {
    const id = row["approval_id"] as string;
    const validDays = Number(row["valid_days"] ?? 0);
    const terms: SourceTerms = {
      kind: "ADJUSTMENT",
      id,
      userId: row["user_id"] as UserId,
      amount: toBigInt(row["amount"]),
      priority: Number(row["priority"] ?? PRIORITY_DEFAULT),
      validMs: validDays === 0 ? null : validDays * DAY_MS,
      usedBy: row["used_by"] as GrantId | null,
    };
    found.set(sourceKey(terms), terms);
  }
  return found;
}

/**
 * Paid orders. The settlement of the payment has given what they have to give, in the same transaction:
 * each names its lot, and none can give again.
 */
async function findOrders(em: EntityManager, ids: readonly string[]): Promise<SourceTerms[]> {
  if (ids.length === 0) return [];
  const sql = `select o.order_id, o.user_id, g.grant_id, g.amount, g.priority from orders o
    join quota_grants g on g.source_kind = 'ORDER' and g.source_id = o.order_id
    where o.order_id in (${listSql(ids)}) and o.payment_id is not null`;
  return (await em.execute<Row[]>(sql)).map((row) => ({
    kind: "ORDER",
    id: row["order_id"] as string,
    userId: row["user_id"] as UserId,
    amount: toBigInt(row["amount"]),
    priority: Number(row["priority"]),
    validMs: null,
    usedBy: row["grant_id"] as GrantId,
  }));
}
