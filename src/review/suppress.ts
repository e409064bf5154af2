/**
 * Suppressions: comments that let a finding through for a reason, on somebody's word, until a day. They are
 * judged themselves: one that is incomplete, over, too long or unused is a finding, and what they let
 * through is shown.
 */
import { ruleById } from "./catalogue.ts";
import type { Finding, SuppressionComment } from "./contract.ts";
import { digest } from "./documents/index.ts";
import { SUPPRESSION_RULE_IDS } from "./suppression-rules.ts";

/** Who let a finding through, and why. */
export interface Suppression {
  /** `comment`: in the source; `baseline`: it was there before the reviewer came. */
  readonly kind: "comment" | "baseline";
  readonly reason: string;
  readonly owner: string;
  /** The last day on which it holds, as `2027-01-31`; empty for a baseline. */
  readonly expires: string;
}

export interface SuppressedFinding {
  readonly finding: Finding;
  readonly suppression: Suppression;
}

export interface Suppressed {
  /** What is left, with the findings about the suppressions themselves. */
  readonly findings: readonly Finding[];
  readonly suppressed: readonly SuppressedFinding[];
}

/** A day further off is no plan. */
const DAYS_MAX = 366;
const TEXT_MAX = 500;
const MS_PER_DAY = 86_400_000;

const FORM = /^billing-review-disable-(next-line|file)(?=\s|$)(.*)$/s;
const RULE_ID = /^BG\d{3}$/;
const SETTING = /\b(reason|owner|expires)\s*=\s*(?:"([^"]*)"|'([^']*)'|(\S+))/g;

interface Directive {
  readonly comment: SuppressionComment;
  readonly scope: "next-line" | "file";
  readonly ruleIds: readonly string[];
  readonly suppression: Suppression;
}

type Fault = readonly [ruleId: string, message: string];

/** @param today the day of the review, as `2026-11-23`: what it says depends on nothing else */
export function suppress(
  findings: readonly Finding[],
  comments: readonly SuppressionComment[],
  today: string,
): Suppressed {
  const directives: Directive[] = [];
  const complaints = new Complaints();
  for (const comment of comments) {
    const read = parseDirective(comment, today);
    if ("fault" in read) complaints.add(comment, read.fault);
    else directives.push(read);
  }
  const places = new Places(directives, comments);
  const used = new Map<Directive, Set<string>>(directives.map((one) => [one, new Set()]));
  const left: Finding[] = [];
  const suppressed: SuppressedFinding[] = [];
  for (const finding of findings) {
    const directive = places.find(finding);
    if (directive === undefined) left.push(finding);
    else {
      used.get(directive)?.add(finding.ruleId);
      suppressed.push({ finding, suppression: directive.suppression });
    }
  }
  for (const [directive, ruleIds] of used) {
    const idle = directive.ruleIds.filter((id) => !ruleIds.has(id));
    if (idle.length === 0) continue;
    complaints.add(directive.comment, [
      SUPPRESSION_RULE_IDS.unused,
      `nothing is found here that ${idle.join(", ")} could suppress`,
    ]);
  }
  return { findings: [...left, ...complaints.findings], suppressed };
}

/** Which directive a finding falls under. */
class Places {
  readonly #byPlace = new Map<string, Directive>();

  constructor(directives: readonly Directive[], comments: readonly SuppressionComment[]) {
    const taken = new Set(comments.map(({ path, range }) => `${path}\n${range.start.line}`));
    for (const directive of directives) {
      const { comment, scope, ruleIds } = directive;
      let line = comment.range.end.line + 1;
      // Several comments above one line all mean that line.
      while (taken.has(`${comment.path}\n${line}`)) line += 1;
      for (const ruleId of ruleIds) {
        const key = this.#keyOf(comment.path, scope === "file" ? 0 : line, ruleId);
        if (!this.#byPlace.has(key)) this.#byPlace.set(key, directive);
      }
    }
  }

  find({ path, range, ruleId }: Finding): Directive | undefined {
    const onLine = this.#byPlace.get(this.#keyOf(path, range.start.line, ruleId));
    return onLine ?? this.#byPlace.get(this.#keyOf(path, 0, ruleId));
  }

  #keyOf(path: string, line: number, ruleId: string): string {
    return `${path}\n${line}\n${ruleId}`;
  }
}

class Complaints {
  readonly findings: Finding[] = [];
  readonly #seen = new Map<string, number>();

  add({ path, range, text }: SuppressionComment, [ruleId, message]: Fault): void {
    const content = `${ruleId}\n${path}\n${text}`;
    const count = (this.#seen.get(content) ?? 0) + 1;
    this.#seen.set(content, count);
    this.findings.push(findingAbout({ ruleId, message, path, range }, `${content}\n${count}`));
  }
}

/** A finding of a rule about suppressions and baselines. */
export function findingAbout(
  about: Pick<Finding, "ruleId" | "message" | "path" | "range">,
  identity: string,
): Finding {
  const rule = ruleById(about.ruleId);
  if (rule === undefined) throw new Error(`there is no rule ${about.ruleId}`);
  const { path, range, message } = about;
  return {
    ...about,
    severity: "WARN",
    remediation: rule.remediation,
    steps: [{ path, range, message }],
    fingerprint: digest(identity),
  };
}

function parseDirective(comment: SuppressionComment, today: string): Directive | { readonly fault: Fault } {
  const incomplete = (message: string): { fault: Fault } => ({
    fault: [SUPPRESSION_RULE_IDS.incomplete, message],
  });
  const [, scope, rest = ""] = FORM.exec(comment.text) ?? [];
  if (scope === undefined) {
    return incomplete("a comment for the reviewer begins with disable-next-line or disable-file");
  }
  const ruleIds = rest
    .replaceAll(SETTING, " ")
    .split(/[\s,]+/)
    .filter((word) => word !== "");
  if (ruleIds.length === 0) return incomplete("the suppression names no rule");
  const wrong = ruleIds.find((id) => !RULE_ID.test(id) || ruleById(id) === undefined);
  if (wrong !== undefined) return incomplete(`the suppression names ${wrong.slice(0, 40)}, which is no rule`);
  const own = ruleIds.find((id) => id.startsWith("BG9"));
  if (own !== undefined) return incomplete(`${own} is about suppressions, and can't be suppressed`);
  const settings = new Map(
    [...rest.matchAll(SETTING)].map(([, name = "", ...values]) => [name, values.find(Boolean)?.trim() ?? ""]),
  );
  const missing = ["reason", "owner", "expires"].filter((name) => !settings.get(name));
  if (missing.length > 0) return incomplete(`the suppression has no ${missing.join(" and no ")}`);
  const expires = settings.get("expires") ?? "";
  if (!isDay(expires)) return incomplete("the suppression's expires is no day such as 2027-01-31");
  if (expires < today) {
    return { fault: [SUPPRESSION_RULE_IDS.expired, `the suppression held until ${expires}`] };
  }
  if (dayNumber(expires) - dayNumber(today) > DAYS_MAX) {
    return { fault: [SUPPRESSION_RULE_IDS.tooLong, `the suppression ends on ${expires}, in over a year`] };
  }
  return {
    comment,
    scope: scope as Directive["scope"],
    ruleIds: [...new Set(ruleIds)],
    suppression: {
      kind: "comment",
      reason: (settings.get("reason") ?? "").slice(0, TEXT_MAX),
      owner: (settings.get("owner") ?? "").slice(0, TEXT_MAX),
      expires,
    },
  };
}

/** True for a day that the calendar has: the 30th of February isn't one. */
export function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const ms = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}

function dayNumber(day: string): number {
  return Math.round(Date.parse(`${day}T00:00:00Z`) / MS_PER_DAY);
}
