/** The sweeper's other command: lots whose time has come become effective or lapse, with a log row. */
import type { UserId } from "../id.ts";
import { plainAnswers } from "./answers.ts";
import type { UseCase } from "./desk.ts";
import { NO_EFFECTS } from "./posting.ts";

export interface SettleLots {
  readonly userId: UserId;
}

/** Decides nothing of its own: what is due is posted before every decision on an account. */
export const settleLots: UseCase<SettleLots, { readonly settled: true }> = {
  method: "SettleLots",
  needs: () => ({}),
  content: ({ userId }) => ({ user_id: userId }),
  decide: () => ({ effects: NO_EFFECTS, answer: () => ({ settled: true }) }),
  answers: plainAnswers(),
};
