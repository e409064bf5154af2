/**
 * Which names mean quota. Names are compared by their words, so that `quotaRemaining`, `quota_remaining` and
 * `QUOTA-REMAINING` are one; a table's name is compared in the singular and without its technical ending.
 */
import type { VocabularyOptions } from "./contract.ts";
import {
  ACCOUNTS,
  AMOUNT_COLUMNS,
  COUNT_COLUMNS,
  GOODS,
  LEDGER_ABOUT,
  LEDGER_END,
  LEFT,
  NOT_AMOUNT,
  PLAIN_BALANCE,
  SPENT,
  TASK_END,
  UNIT,
  WEAK_UNIT,
} from "./vocabulary-words.ts";

export interface Vocabulary {
  /** A column that holds what may still be spent; what `amount` is, only its table says. */
  isBalance(name: string, table?: string): boolean;
  /** A column that holds what has been spent: adding to it is spending. */
  isUsed(name: string, table?: string): boolean;
  /** A balance of things, not of quota: what a shop has in stock. */
  isGoods(column: string, table: string): boolean;
  isLedger(table: string): boolean;
  isTask(table: string): boolean;
  /** Whether a text may concern quota at all: whatever else has to be looked at does. */
  concerns(text: string): boolean;
}

/** Lower case words: `userQuotaLeft` gives `["user", "quota", "left"]`. */
export function wordsOf(name: string): string[] {
  return name
    .replaceAll(/([\p{Ll}\d])(\p{Lu})/gu, "$1 $2")
    .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1 $2")
    .toLowerCase()
    .split(/[^\p{L}\d]+/u)
    .filter((word) => word !== "");
}

export function snake(name: string): string {
  return wordsOf(name).join("_");
}

/** What a technical name adds to the thing that it is about. */
const TABLE_ENDINGS = new Set([
  "entity",
  "model",
  "table",
  "repository",
  "repo",
  "schema",
  "collection",
  "dao",
]);

/** One name for a table: `public."Users" u`, `usersTable`, `UserEntity` and `userRepository` are all `user`. */
export function tableName(name: string): string {
  const plain =
    name
      .trim()
      .replaceAll(/["`[\]]/g, "")
      .split(/\s+/)[0] ?? "";
  const words = wordsOf(plain.split(".").at(-1) ?? "");
  while (words.length > 1 && TABLE_ENDINGS.has(words.at(-1) ?? "")) words.pop();
  const last = words.pop();
  return last === undefined ? "" : [...words, singular(last)].join("_");
}

function singular(word: string): string {
  if (/(?:ss|us|is)$/.test(word)) return word;
  if (word.endsWith("ies") && word.length > 4) return `${word.slice(0, -3)}y`;
  if (/(?:xes|ches|shes|sses)$/.test(word)) return word.slice(0, -2);
  return word.endsWith("s") && word.length > 3 ? word.slice(0, -1) : word;
}

export function vocabularyOf(own: Partial<VocabularyOptions> = {}): Vocabulary {
  const set = (names: readonly string[] = []): Set<string> => new Set(names.map(snake));
  const tables = (names: readonly string[] = []): Set<string> => new Set(names.map(tableName));
  const balance = set(own.balanceColumns);
  const used = set(own.usedColumns);
  const ledgers = tables(own.ledgerTables);
  const tasks = tables(own.taskTables);
  const names = patternOf(own);
  return {
    isBalance: (name, table = "") =>
      balance.has(snake(name)) ||
      (!used.has(snake(name)) && (meansBalance(wordsOf(name)) || isAmountOf(snake(name), table))),
    isUsed: (name, table = "") =>
      used.has(snake(name)) || meansUsed(wordsOf(name)) || isCountOf(snake(name), table),
    isGoods: (column, table) =>
      !balance.has(snake(column)) &&
      [...wordsOf(column), table.split("_").at(-1) ?? ""].some((word) => GOODS.has(word)),
    isLedger: (table) => ledgers.has(table) || meansLedger(table.split("_")),
    isTask: (table) => tasks.has(table) || meansTask(table.split("_")),
    concerns: (text) =>
      MAY_CONCERN_QUOTA.test(text) ||
      WHAT_IS_LEFT.test(text) ||
      LOWERS_SOMETHING.test(text) ||
      (names !== undefined && names.test(text)),
  };
}

/** The caller's own names, in any spelling. */
function patternOf(own: Partial<VocabularyOptions>): RegExp | undefined {
  const names = Object.values(own).flatMap((list) => list.map((name) => wordsOf(name).join("[\\W_]*")));
  const known = names.filter((name) => name !== "");
  return known.length > 0 ? new RegExp(known.join("|"), "iu") : undefined;
}

/** `wallets.amount`, `user_credits.value`: the table says what there is some of. */
function isAmountOf(column: string, table: string): boolean {
  return AMOUNT_COLUMNS.has(column) && ACCOUNTS.has(table.split("_").at(-1) ?? "");
}

/** `user_api_limits.count`, `quotas.used`. */
function isCountOf(column: string, table: string): boolean {
  const words = table.split("_");
  if (words.includes("rate")) return false;
  return (
    (column === "used" && ACCOUNTS.has(words.at(-1) ?? "")) ||
    (COUNT_COLUMNS.has(column) && (words.at(-1) === "limit" || words.at(-1) === "usage"))
  );
}

/** Chinese names aren't parted into words. */
const CHINESE_BALANCE = /^(?!.*(?:已用|已消耗|上限|日志|记录)).*(?:配额|额度|积分|余额|点数)$/;

function meansBalance(words: readonly string[]): boolean {
  if (words.length === 0 || words.some((word) => isStranger(word, words) || SPENT.has(word))) return false;
  if (words.length === 1) return PLAIN_BALANCE.has(words[0] ?? "") || CHINESE_BALANCE.test(words[0] ?? "");
  const unit = words.some((word) => UNIT.has(word));
  const left = words.some((word) => LEFT.has(word));
  const weak = words.some((word) => WEAK_UNIT.has(word));
  return (unit && (left || UNIT.has(words.at(-1) ?? "") || words.length === 2)) || (weak && left);
}

/** A token is what lets somebody in, unless there is a number of them left. */
function isStranger(word: string, words: readonly string[]): boolean {
  if (word === "token") return !words.some((other) => LEFT.has(other));
  return NOT_AMOUNT.has(word);
}

function meansUsed(words: readonly string[]): boolean {
  if (!words.some((word) => SPENT.has(word))) return false;
  if (words.some((word) => NOT_AMOUNT.has(word) && word !== "total")) return false;
  return words.some((word) => UNIT.has(word) || WEAK_UNIT.has(word) || word === "token");
}

function meansLedger(words: readonly string[]): boolean {
  if (words.length === 1) return words[0] === "ledger";
  return LEDGER_END.has(words.at(-1) ?? "") && words.some((word) => LEDGER_ABOUT.has(word));
}

function meansTask(words: readonly string[]): boolean {
  return TASK_END.has(words.at(-1) ?? "") && !words.includes("cron");
}

/** Whether a text may concern quota at all: whatever else has to be looked at does. */
export const MAY_CONCERN_QUOTA =
  /quota|credit|balance|points?\b|tokens?_?(?:remaining|left|used|balance)|remaining|coins?\b|wallet|money|gems\b|refund|stock|inventory|api_?limit|quantity|allowance|diamonds|配额|额度|积分|余额|返还|点数/i;

/** Names of what is left or used of something, and no places on a screen. */
const WHAT_IS_LEFT =
  /(?:_|(?<!paddin|margi|scrol|offse|borde|clien)[a-z](?=[A-Z]))(?:[Ll]eft|[Uu]sed|[Aa]vailable|[Uu]sage)\b|\bavailable[A-Z_]|\btokens\b/;

/** `.decrement(column, …)`, `[column]: { decrement: … }`: what is lowered is named by a value. */
const LOWERS_SOMETHING =
  /\.decrement\(\s*(?:\{[^{}]*\}\s*,\s*)?[A-Za-z_$][\w$.]*\s*[,)]|\]\s*:\s*\{\s*decrement\b/;

/** Words that say: this gives back what was spent. In a text whose names are parted into words. */
export const REFUND_WORDS =
  /refund|\b(?:reimburs|restor|give ?back|return ?(?:quota|credit|token|point|balance)|(?:quota|credit|token|point|balance)s? ?return|roll ?back ?(?:quota|credit|deduct|charge|point|usage)|revert|undo\b|compensat|un ?freeze|release|reclaim)|返还|退还|退款|退回|补偿|回滚|归还/i;

/** Words that say: somebody was not pleased. In a text whose names are parted into words. */
export const SUBJECTIVE_WORDS =
  /\b(?:ratings?|rated|stars?|bad ?reviews?|negative ?reviews?|dissatisf\w*|unsatisf\w*|not ?satisf\w*|satisfaction|unhappy|dislike[ds]?|thumbs? ?down|complain\w*|poor ?quality|feedback|review ?score|low ?score)\b|差评|不满|评分|评价|打分|投诉/i;

/** Words that say: paid, granted on purpose, or checked by somebody. */
export const PAYMENT_WORDS =
  /pay|paid|order|purchase|checkout|stripe|invoice|subscri|webhook|notify|top_?up|recharge|charge|billing_?cycle|renew|campaign|coupon|redeem|promo|bonus|reward|referral|invite|regist|sign_?up|onboard|trial|welcome|admin|approv|monthly|reset|cron|migrat|seed|支付|订单|充值|活动|注册|审批|兑换/i;

export const MEMBERSHIP_WORDS = /member|subscri|\bvip\b|is_?pro\b|\bplan\b|entitle|premium|会员|订阅/i;
