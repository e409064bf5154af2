/** SetFeatureAccess: puts users on a feature's list, or takes them off it. */
import type { FeatureId, UserId } from "../id.ts";
import { BadField } from "../refusal.ts";
import type { CatalogUseCase } from "./desk.ts";
import { featureNotFound } from "./publish-feature.ts";

export interface SetFeatureAccess {
  readonly featureId: FeatureId;
  readonly addUserIds: readonly UserId[];
  readonly removeUserIds: readonly UserId[];
}

export interface SetFeatureAccessAnswer {
  /** How many users are on the list after it. */
  readonly userCount: number;
}

/**
 * Users need not be registered yet, and who is on the list already stays on it. Refused as
 * FEATURE_NOT_FOUND.
 * @throws BadField when a user is to be both put on the list and taken off it
 */
export const setFeatureAccess: CatalogUseCase<SetFeatureAccess, SetFeatureAccessAnswer> = {
  method: "SetFeatureAccess",
  needs: ({ featureId, addUserIds, removeUserIds }) => ({
    featureId,
    userIds: [...addUserIds, ...removeUserIds],
  }),
  content: ({ featureId, addUserIds, removeUserIds }) => ({
    feature_id: featureId,
    add_user_ids: asSet(addUserIds).join(","),
    remove_user_ids: asSet(removeUserIds).join(","),
  }),
  decide({ file }, { featureId, addUserIds, removeUserIds }) {
    const added = new Set(addUserIds);
    if (removeUserIds.some((userId) => added.has(userId))) {
      const rule = "must not name users that add_user_ids names too";
      throw new BadField([{ field: "remove_user_ids", rule }]);
    }
    if (file === undefined) throw featureNotFound(featureId);
    const add = asSet(addUserIds).filter((userId) => !file.listed.has(userId));
    const remove = asSet(removeUserIds).filter((userId) => file.listed.has(userId));
    const userCount = file.listedCount + add.length - remove.length;
    if (add.length + remove.length === 0) return { writes: { notes: [] }, answer: { userCount } };
    const note = {
      action: "SetFeatureAccess",
      subject: `feature/${featureId}`,
      before: { userCount: file.listedCount },
      after: { userCount, added: add, removed: remove },
      reason: "",
    };
    return { writes: { access: { featureId, add, remove }, notes: [note] }, answer: { userCount } };
  },
  answers: { write: (answer) => JSON.stringify(answer), read: (text) => JSON.parse(text) },
};

/** The order in which users are named, and how often, means nothing. */
function asSet(userIds: readonly UserId[]): UserId[] {
  return [...new Set(userIds)].sort();
}
