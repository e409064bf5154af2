/** The rules about plans, packs and campaigns, in the form that rules about code have: the catalogue judges by them. */
import { OFFER_RULES } from "../billing/review/offer-rules.ts";
import type { RuleDescription } from "./contract.ts";

/** They belong to no item of the checklist. */
const NO_ITEM = 0;

const REASONS: Readonly<Record<string, string>> = {
  BG120: "What costs nothing is bought as often as a script can ask, and the vendors are paid for every use.",
  BG121: "Quota that is sold for less than its use costs makes a loss with every task.",
  BG122:
    "A plan without a length ends in the moment in which it begins; with two, nobody knows which was bought.",
  BG123: "A campaign that can't serve its first user refuses everybody who comes.",
  BG124:
    "Who gives away for longer has a price list: users wait for the gift, and nobody decides about it any more.",
  BG125: "Whoever gets a month's quota as a gift has no reason to buy the month.",
  BG126: "What never lapses is owed for ever, and may be spent in one week.",
  BG127: "Only members create tasks: without a trial nobody who registers can do anything.",
  BG128: "Nobody pays at registration, and a trial of months is a membership that nobody has to buy.",
};

export const OFFER_RULE_DESCRIPTIONS: readonly RuleDescription[] = OFFER_RULES.map(
  ({ id, severity, title, remediation }) => {
    const message = REASONS[id];
    if (message === undefined) throw new Error(`the rule ${id} has no reason`);
    return { id, severity, title, message, remediation, checklistItem: NO_ITEM, docs: `docs/rules/${id}.md` };
  },
);
