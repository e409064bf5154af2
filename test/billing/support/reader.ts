/** The read port over the rows of a world, as far as use cases of billing ask it. */
import type { TaskId } from "../../../src/billing/id.ts";
import { balanceOf, useOf, type Account } from "../../../src/billing/quota/account.ts";
import { byDrawOrder } from "../../../src/billing/quota/lot.ts";
import { dueLots, post } from "../../../src/billing/quota/posting.ts";
import type { LoggedRow, QuotaReader } from "../../../src/billing/quota/reader.ts";
import type { UserId } from "../../../src/billing/id.ts";
import { operationKey } from "../../../src/billing/quota/serve.ts";
import { isLimited } from "../../../src/billing/catalog/feature.ts";
import type { World } from "./world.ts";

type WorldReader = Omit<QuotaReader, "listReservations" | "listGrants">;

export function readerOf(world: World): WorldReader {
  const reservations = () => [...world.reservations.values()];
  return {
    findReservation: async (id) => world.reservations.get(id),
    findTaskOwners: async (taskId: TaskId) => {
      const ofTask = reservations().filter((each) => each.taskId === taskId);
      return [...new Set(ofTask.map(({ userId }) => userId))].slice(0, 2);
    },
    findKeyOwner: async (method, idempotencyKey) =>
      world.operationsByKey.get(operationKey(method, idempotencyKey))?.userId,
    findBalance: async (userId) => {
      const account = accountOf(world, userId);
      return account && balanceOf(account, world.nowMs);
    },
    openDesk: async (userId) => {
      const account = accountOf(world, userId);
      return (
        account && {
          nowMs: world.nowMs,
          account,
          features: { find: (featureId) => world.features.get(featureId) },
          trialPlan: world.trialPlan,
          refundWindowMs: world.refundWindowMs,
          source: undefined,
          campaign: undefined,
          products: world.products,
          caller: { name: "billing-guard" },
          newId: (prefix) => `${prefix}_preview`,
        }
      );
    },
    listLogs: async ({ userId, reservationId, order }, { limit }) => {
      const rows = world.logs
        .filter((row) => row.userId === userId && row.reservationId === reservationId)
        .map((row): LoggedRow => {
          const operation = world.operations.find((each) => each.operationId === row.operationId)!;
          return { ...row, line: 1, method: operation.method, caller: operation.caller };
        });
      return (order === "NEWEST_FIRST" ? rows.toReversed() : rows).slice(0, limit);
    },
    findFeatureVersion: async (featureId, version) => {
      const feature = world.features.get(featureId);
      if (feature === undefined || feature === "unpublished") return undefined;
      return feature.version === version ? feature : undefined;
    },
    findGrants: async (userId, grantIds) =>
      [...world.lots.values()]
        .filter((lot) => lot.userId === userId && grantIds.includes(lot.grantId))
        .sort(byDrawOrder),
  };
}

/** The account as it is, with the lots posted whose time has come. */
function accountOf(world: World, userId: UserId): Account | undefined {
  const user = world.users.get(userId);
  if (user === undefined) return undefined;
  const lots = [...world.lots.values()].filter((lot) => lot.userId === userId);
  const account: Account = {
    user: { ...user },
    lots: lots.map((lot) => ({ ...lot })),
    reservations: new Map(),
    uses: new Map(),
    access: new Set(),
    orders: new Map(),
    openOrders: 0,
  };
  for (const [featureId, feature] of world.features) {
    if (world.access.get(featureId)?.has(userId)) account.access.add(featureId);
    if (feature === "unpublished" || !isLimited(feature)) continue;
    const own = [...world.reservations.values()].filter((each) => each.userId === userId);
    account.uses.set(featureId, own.filter((each) => each.featureId === featureId).map(useOf));
  }
  post(account, dueLots(account, world.nowMs), world.nowMs);
  return account;
}
