/** RetireFeature: takes a feature out of force. Open holds on it can still be settled. */
import type { FeatureId } from "../id.ts";
import { featureAnswers, storeFeature, type FeatureAnswer } from "./answers.ts";
import { featureSubject } from "./approval.ts";
import type { CatalogUseCase } from "./desk.ts";
import type { Feature } from "./feature.ts";
import { featureNotPublished } from "./get-feature.ts";
import { featureNotFound } from "./publish-feature.ts";

export interface RetireFeature {
  readonly featureId: FeatureId;
  /** Why, for the record. */
  readonly reason: string;
}

/** Refused as FEATURE_NOT_FOUND, FEATURE_NOT_PUBLISHED. */
export const retireFeature: CatalogUseCase<RetireFeature, FeatureAnswer> = {
  method: "RetireFeature",
  needs: ({ featureId }) => ({ featureId }),
  content: ({ featureId, reason }) => ({ feature_id: featureId, reason }),
  decide({ file }, { featureId, reason }) {
    if (file === undefined) throw featureNotFound(featureId);
    const { inForce } = file;
    if (inForce === undefined) throw featureNotPublished(featureId);
    const feature: Feature = { ...inForce, state: "RETIRED" };
    const note = {
      action: "RetireFeature",
      subject: featureSubject(feature),
      before: storeFeature(inForce),
      after: storeFeature(feature),
      reason,
    };
    return {
      writes: { features: [feature], changesInForce: true, notes: [note] },
      answer: { feature },
    };
  },
  answers: featureAnswers,
};
