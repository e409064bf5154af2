/** What vendors charge in a seeded year: most of it for tasks, some of it for nobody's. */
import { DAY_MS, HOUR_MS } from "../../billing/clock.ts";
import { COSTS, costCells } from "../../store/cost-rows.ts";
import type { SeedDay } from "./options.ts";
import type { Records } from "./records.ts";
import type { Task } from "./using.ts";
import { OVERHEAD, type VendorService } from "./wares.ts";
import type { World } from "./world.ts";

/** Rows of one call of RecordCosts. */
const BATCH_MAX = 500;

/** Writes a day's costs down, as of now: the day is over. */
export function chargeDay(
  world: World,
  records: Records,
  day: SeedDay,
  tasks: readonly Task[],
  count: number,
): void {
  const { dice, ids } = world;
  const nowMs = world.now();
  let batchId = "";
  for (let number = 0; number < count; number++) {
    if (number % BATCH_MAX === 0) batchId = ids.next("cbt", nowMs);
    const task = tasks.length > 0 && dice.chance(0.92) ? tasks[number % tasks.length]! : undefined;
    const service = dice.pick(task?.ware.vendors ?? OVERHEAD);
    const cost = { ...bearer(world, task), ...priceOf(world, service, `${day.date}/${number}`) };
    const occurTimeMs = momentOf(world, day, task);
    const cells = costCells({ ...cost, occurTimeMs }, ids.next("cst", nowMs), batchId, nowMs);
    records.add(COSTS, cells);
  }
}

/** Whom it is for: some vendors know the user and nothing else, or the feature. */
function bearer({ dice }: World, task: Task | undefined) {
  const nobody = { userId: null, featureId: null, taskId: null, reservationId: null };
  if (task === undefined) return nobody;
  const { userId, featureId, taskId, reservationId } = task.reservation;
  const kind = dice.next();
  if (kind < 0.03) return { ...nobody, userId };
  if (kind < 0.06) return { ...nobody, featureId };
  return { userId, featureId, taskId, reservationId };
}

function priceOf(
  { dice }: World,
  { vendor, service, unit, mostMicroYuan }: VendorService,
  name: string,
) {
  return {
    vendor,
    service,
    unit,
    quantity: dice.chance(0.8) ? BigInt(dice.between(1, 90)) : null,
    amountMicroYuan: BigInt(dice.between(0, mostMicroYuan)),
    externalId: vendor === "runninghub" ? null : `${service}/${name}`,
  };
}

/** Within the day; some are told days later, and the day's edges belong to it. */
function momentOf({ dice }: World, day: SeedDay, task: Task | undefined): number {
  const kind = dice.next();
  if (kind < 0.004) return day.startMs;
  if (kind < 0.008) return day.endMs - 1;
  if (kind < 0.02 && day.number > 3) return day.startMs - dice.between(1, 3) * DAY_MS + 5 * HOUR_MS;
  const atMs = (task?.reservation.createTimeMs ?? day.startMs) + dice.between(1, 3_600_000);
  return Math.min(atMs, day.endMs - 1);
}
