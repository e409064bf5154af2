/** The ports to the stored catalogue. The store implements them. */
import type { ApprovalId, CampaignId, FeatureId } from "../id.ts";
import type { QuotaUnits } from "../money.ts";
import type { Command } from "../quota/desk.ts";
import type { Page } from "../quota/reader.ts";
import type { Served } from "../quota/teller.ts";
import type { Approval, ApprovalKind, ApprovalState } from "./approval.ts";
import type { CatalogUseCase } from "./desk.ts";
import type { Feature, FeatureState } from "./feature.ts";
import type { OfferVersion } from "./offer.ts";
import type { Pack } from "./pack.ts";
import type { PipelineReader } from "./pipeline.ts";
import type { Plan } from "./plan.ts";

/** The one door through which the catalogue changes. */
export interface CatalogBooks {
  /**
   * Serves one command in one transaction: its effect, its key and its audit trail, or nothing.
   * @param signal gives the command up as long as it isn't decided
   * @throws Refusal from the use case; IDEMPOTENCY_KEY_REUSED; ACCOUNT_BUSY; OVERLOADED;
   *   DATABASE_UNAVAILABLE
   */
  serve<Input, Answer>(
    useCase: CatalogUseCase<Input, Answer>,
    command: Command<Input>,
    signal?: AbortSignal,
  ): Promise<Served<Answer>>;
}

/** What can be read of the catalogue: as it is committed, and nothing locked. */
export interface CatalogReader extends PipelineReader {
  /**
   * One version of a feature; with version 0 the one in force.
   * @returns "unpublished" when the feature is known and none of its versions is in force
   */
  findFeature(featureId: FeatureId, version: number): Promise<Feature | "unpublished" | undefined>;
  /** By feature id and version. */
  listFeatures(filter: FeatureFilter, page: Page<FeatureKey>): Promise<Feature[]>;
  findApproval(approvalId: ApprovalId): Promise<Approval | undefined>;
  /** Newest first. */
  listApprovals(
    filter: ApprovalFilter,
    page: Page<{ readonly approvalId: ApprovalId }>,
  ): Promise<Approval[]>;
  /** The packs that are for sale, cheapest first. */
  listPacks(): Promise<Pack[]>;
  /** Versions of campaigns, by id and version, and what each campaign has given away. */
  listCampaigns(filter: CampaignFilter): Promise<SpentCampaign[]>;
  /** The plans that are for sale, and the trial; cheapest first. */
  listPlans(): Promise<Plan[]>;
}

export interface SpentCampaign {
  readonly version: OfferVersion<"CAMPAIGN">;
  readonly spentAmount: QuotaUnits;
}

export interface CampaignFilter {
  /** Null: all campaigns. */
  readonly campaignId: CampaignId | null;
  /** True: all versions; false: of each campaign the one in force, and the newest where none is. */
  readonly allVersions: boolean;
}

export interface FeatureFilter {
  readonly featureId: FeatureId | null;
  /** Null: in every state. */
  readonly state: FeatureState | null;
}

export interface FeatureKey {
  readonly featureId: FeatureId;
  readonly version: number;
}

export interface ApprovalFilter {
  readonly state: ApprovalState | null;
  readonly kind: ApprovalKind | null;
}
