/** GetFeature: one version of a feature, or the one in force. */
import type { FeatureId } from "../id.ts";
import { Refusal } from "../refusal.ts";
import type { CatalogReader } from "./books.ts";
import type { Feature } from "./feature.ts";
import { featureNotFound } from "./publish-feature.ts";

export interface GetFeature {
  readonly featureId: FeatureId;
  /** From 1; the one in force when 0. */
  readonly version: number;
}

/** Refused as FEATURE_NOT_FOUND, FEATURE_NOT_PUBLISHED. */
export async function getFeature(
  reader: Pick<CatalogReader, "findFeature">,
  { featureId, version }: GetFeature,
): Promise<Feature> {
  const feature = await reader.findFeature(featureId, version);
  if (feature === undefined) throw featureNotFound(featureId);
  if (feature === "unpublished") throw featureNotPublished(featureId);
  return feature;
}

export function featureNotPublished(featureId: FeatureId): Refusal {
  const message = "no version of the feature is in force";
  return new Refusal("FEATURE_NOT_PUBLISHED", message, { featureId });
}
