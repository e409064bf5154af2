/** Users and features for a load, made by the store's own lawful ways before the load begins. */
import { PLAIN_FEATURE, type Bank } from "../bank.ts";
import type { World } from "./workload.ts";

const TIGHT_FEATURE = "tight_feature";
const PACED_FEATURE = "paced_feature";

export interface WorldSize {
  readonly users?: number;
  readonly hotUsers?: number;
}

/** Enough for the whole of a trial; one hot user in three runs short. */
const QUOTA = 2_000;
const HOT_QUOTA = 20_000;
const SCARCE_QUOTA = 150;

export async function makeWorld(
  bank: Bank,
  { users = 40, hotUsers = 3 }: WorldSize = {},
): Promise<World> {
  const feature = (id: string, maxPerHour: number, cooldownSeconds: number) =>
    `('${id}', 1, '${id}', 2, 0, 'image', 'MEMBER', 1, ${maxPerHour}, 0, ${cooldownSeconds}, 2, '',
      'PUBLISHED', now(3), now(3), 'test')`;
  const features = [feature(TIGHT_FEATURE, 6, 0), feature(PACED_FEATURE, 0, 1)];
  await bank.sql(`insert ignore into features values ${features.join(",")}`);
  await bank.sql("update catalog_revisions set revision = revision + 1");
  const make = (count: number, quotaOf: (at: number) => number) =>
    Promise.all(Array.from({ length: count }, (_, at) => bank.member(quotaOf(at))));
  return {
    users: await make(users, () => QUOTA),
    hotUsers: await make(hotUsers, (at) => (at % 3 === 1 ? SCARCE_QUOTA : HOT_QUOTA)),
    plainFeature: PLAIN_FEATURE,
    limitedFeatures: [TIGHT_FEATURE, PACED_FEATURE],
  };
}
