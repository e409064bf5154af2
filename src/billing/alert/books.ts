/** The ports of alerts. */
import type { Command } from "../quota/desk.ts";
import type { Page } from "../quota/reader.ts";
import type { Served } from "../quota/teller.ts";
import type { Acknowledgement } from "./acknowledge-alert.ts";
import type { Alert, AlertState, AlertStep, Silence } from "./alert.ts";
import type { Budget, BudgetScope, BudgetTerms, SpentBudget } from "./budget.ts";
import type { Parameters, RuleId } from "./rule.ts";
import type { RuleSetting } from "./rules.ts";

export interface RuleTerms {
  readonly ruleId: RuleId;
  readonly enabled: boolean;
  /** Those that are not as shipped. */
  readonly parameters: Parameters;
}

export interface SilenceTerms {
  readonly ruleId: RuleId;
  /** Empty: all subjects. */
  readonly subject: string;
  /** From now on; 0 ends the silences of the rule and subject. */
  readonly forMs: number;
  readonly reason: string;
}

/** Changes of alerts by people; each is one transaction. All may refuse as IDEMPOTENCY_KEY_REUSED. */
export interface AlertBooks {
  setBudget(command: Command<BudgetTerms>, signal?: AbortSignal): Promise<Served<Budget>>;
  setRule(command: Command<RuleTerms>, signal?: AbortSignal): Promise<Served<RuleSetting>>;
  /** @throws Refusal ALERT_NOT_FOUND, ALERT_STATE_INVALID */
  acknowledge(command: Command<Acknowledgement>, signal?: AbortSignal): Promise<Served<Alert>>;
  silence(command: Command<SilenceTerms>, signal?: AbortSignal): Promise<Served<Silence>>;
}

export interface AlertFilter {
  readonly state: AlertState | null;
  readonly ruleId: string | null;
  readonly subject: string | null;
  readonly severity: Alert["severity"] | null;
}

export interface BudgetKey {
  readonly scope: BudgetScope;
  readonly subject: string;
}

export interface AlertReader {
  /** The newest first, with their steps. */
  listAlerts(
    filter: AlertFilter,
    page: Page<{ readonly alertId: string }>,
  ): Promise<(Alert & { readonly record: readonly AlertStep[] })[]>;
  /** The newest versions, those that were ended too, with what was spent in the month so far. @param month YYYY-MM; null: this one */
  listBudgets(
    filter: { readonly month: string | null },
    page: Page<BudgetKey>,
  ): Promise<{ readonly month: string; readonly budgets: readonly SpentBudget[] }>;
  /** The newest versions by rule, and silences that still hold. */
  listSettings(): Promise<{
    readonly settings: ReadonlyMap<string, RuleSetting>;
    readonly silences: readonly Silence[];
  }>;
}
