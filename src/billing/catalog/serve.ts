/**
 * Serving one command on the catalogue, purely: facts in, writes out. The store loads the facts
 * under their locks before, and writes in the same transaction after.
 */
import type { Command } from "../quota/desk.ts";
import { differingField, keyReused } from "../quota/serve.ts";
import type { Served } from "../quota/teller.ts";
import { NO_WRITES, type CatalogDesk, type CatalogUseCase, type CatalogWrites } from "./desk.ts";

/** The command that has used the same key before. */
export interface FirstUse {
  /** The values of the use case's `content`, in its order. */
  readonly content: readonly string[];
  /** As the use case's `answers` writes it. */
  readonly answer: string;
}

export interface CatalogOutcome<Answer> extends Served<Answer> {
  readonly writes: CatalogWrites;
  /** The proof of the key, to be stored; null when nothing is. */
  readonly operation: FirstUse | null;
}

/** @throws Refusal from the use case; IDEMPOTENCY_KEY_REUSED */
export function serveCatalog<Input, Answer>(
  useCase: CatalogUseCase<Input, Answer>,
  command: Command<Input>,
  desk: CatalogDesk,
  first: FirstUse | undefined,
): CatalogOutcome<Answer> {
  const content = useCase.content(command.input);
  if (first !== undefined) {
    const field = differingField(first.content, content);
    if (field !== undefined) throw keyReused(useCase.method, field);
    const answer = useCase.answers.read(first.answer);
    return { answer, replayed: true, writes: NO_WRITES, operation: null };
  }
  const { writes, answer } = useCase.decide(desk, command.input);
  if (command.validateOnly) return { answer, replayed: false, writes: NO_WRITES, operation: null };
  const operation = { content: Object.values(content), answer: useCase.answers.write(answer) };
  return { answer, replayed: false, writes, operation };
}
