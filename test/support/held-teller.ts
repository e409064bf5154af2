/** A teller whose answers wait for the test: for what happens while calls are open. */
import type { Teller } from "../../src/billing/quota/teller.ts";
import { Refusal } from "../../src/billing/refusal.ts";

export interface HeldCommand {
  readonly method: string;
  readonly input: unknown;
  readonly signal: AbortSignal | undefined;
  /** Ends the command with a refusal, which is the shortest answer there is. */
  release(): void;
}

export interface HeldTeller {
  readonly teller: Teller;
  /** Every command so far, in the order of arrival. */
  readonly commands: readonly HeldCommand[];
  /** Resolves once so many commands have arrived; to be asked with growing numbers. */
  arrived(count: number): Promise<void>;
}

export function holdCommands(): HeldTeller {
  const commands: HeldCommand[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const teller = {
    submit: (
      useCase: { readonly method: string },
      { input }: { readonly input: unknown },
      _: unknown,
      signal?: AbortSignal,
    ) =>
      new Promise<never>((_resolve, reject) => {
        const release = () =>
          reject(new Refusal("USER_NOT_FOUND", "released", { userId: "released" }));
        commands.push({ method: useCase.method, input, signal, release });
        while (waiting[0] && commands.length >= waiting[0].count) waiting.shift()!.resolve();
      }),
  };
  return {
    teller: teller as Teller,
    commands,
    arrived: (count) =>
      commands.length >= count
        ? Promise.resolve()
        : new Promise((resolve) => waiting.push({ count, resolve })),
  };
}
