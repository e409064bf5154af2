/** The ports to stored discrepancies. The store implements them. */
import type { FindingKind } from "../order/bill.ts";
import type { Command } from "../quota/desk.ts";
import type { Page } from "../quota/reader.ts";
import type { Served } from "../quota/teller.ts";
import type {
  Discrepancy,
  DiscrepancyState,
  DiscrepancyUseCase,
  NamesDiscrepancy,
  ReconciliationSource,
} from "./discrepancy.ts";

/** The one door through which people work on discrepancies. */
export interface DiscrepancyBooks {
  /**
   * Serves one command in one transaction: its step, its key and its audit trail, or nothing.
   * @throws Refusal from the use case; DISCREPANCY_NOT_FOUND; IDEMPOTENCY_KEY_REUSED; ACCOUNT_BUSY;
   *   OVERLOADED; DATABASE_UNAVAILABLE
   */
  serve<Input extends NamesDiscrepancy>(
    useCase: DiscrepancyUseCase<Input>,
    command: Command<Input>,
    signal?: AbortSignal,
  ): Promise<Served<Discrepancy>>;
}

export interface DiscrepancyFilter {
  /** Bills of this day and later ones; null: from the first. */
  readonly startDate: string | null;
  /** Bills of this day and earlier ones; null: to the last. */
  readonly endDate: string | null;
  readonly kind: FindingKind | null;
  readonly state: DiscrepancyState | null;
  readonly source: ReconciliationSource | null;
  readonly orderId: string | null;
}

export interface DiscrepancyReader {
  /** Newest first. */
  listDiscrepancies(
    filter: DiscrepancyFilter,
    page: Page<NamesDiscrepancy>,
  ): Promise<Discrepancy[]>;
}
