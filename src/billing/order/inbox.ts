/** The port to the durable inbox: what the provider has told us by itself, before anything is made of it. */
import type { RefundTrade, Trade } from "./gateway.ts";

/** A callback whose signature, time and encryption were verified, and whose content was understood. */
export type Notice =
  | { readonly kind: "payment"; readonly noticeId: string; readonly trade: Trade }
  | { readonly kind: "refund"; readonly noticeId: string; readonly refund: RefundTrade }
  /** Well signed, and not understood: kept, so that nothing is lost, and an alarm. */
  | { readonly kind: "strange"; readonly noticeId: string; readonly eventType: string };

export type NoticeOutcome =
  /** Stored, and its transition is made or was made before. */
  | "settled"
  /** Stored; what it is about is not known here yet. The provider is told to send it again. */
  | "orphaned"
  /** Stored, and contradicts what we know (amount, currency, second payment). A person decides; money isn't dropped. */
  | "quarantined";

export interface NoticeInbox {
  /**
   * Stores the notice durably, then makes its transition as far as it can be made at once.
   * @throws an error when it could not be stored: the provider must be told to send it again
   */
  receive(notice: Notice, signal?: AbortSignal): Promise<NoticeOutcome>;
}
