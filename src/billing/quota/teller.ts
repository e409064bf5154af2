/** The teller: the one door through which quota moves. The store implements it. */
import type { UserId } from "../id.ts";
import type { Command, UseCase } from "./desk.ts";

export interface Teller {
  /**
   * Queues a command and resolves once its effects are committed, or nothing was to be changed.
   * @param userId whose account it is about; undefined when only a reservation id is known
   * @param signal gives the command up while it still waits; once it is being served, it is served
   * @throws Refusal from the use case; IDEMPOTENCY_KEY_REUSED; USER_NOT_FOUND; OVERLOADED when too
   *   many commands wait; FLOOD_LIMITED; ACCOUNT_BUSY; DATABASE_UNAVAILABLE; DRAINING
   */
  submit<Input, Answer>(
    useCase: UseCase<Input, Answer>,
    command: Command<Input>,
    userId: UserId | undefined,
    signal?: AbortSignal,
  ): Promise<Served<Answer>>;
}

export interface Served<Answer> {
  readonly answer: Answer;
  /** True when this is the answer of an earlier command with the same key. */
  readonly replayed: boolean;
}
