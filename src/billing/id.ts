/**
 * Ids. Those that callers choose are checked at the wire; those that we make are ordered by time, so
 * that new rows land at the end of their tables, and need no auto-increment, so that tables can be
 * split by user.
 */

declare const kind: unique symbol;
type Id<Kind extends string> = string & { readonly [kind]: Kind };

export type UserId = Id<"user">;
export type FeatureId = Id<"feature">;
export type TaskId = Id<"task">;
export type PlanId = Id<"plan">;
export type GrantId = Id<"grant">;
export type ReservationId = Id<"reservation">;
export type OperationId = Id<"operation">;
export type ApprovalId = Id<"approval">;
export type PackId = Id<"pack">;
export type CampaignId = Id<"campaign">;
export type PipelineId = Id<"pipeline">;
export type OrderId = Id<"order">;
export type PaymentId = Id<"payment">;
export type RefundId = Id<"refund">;
export type ReviewId = Id<"review">;

/** The rule of ids that callers choose. It has no blank, since MySQL ignores blanks at the end. */
export const CALLER_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,62}$/;

/** Who sent a request, as the wire has established it. */
export interface Caller {
  /** The name of the identity, such as `pipeline-video`. */
  readonly name: string;
}

/** Makes ids that are unique over all servers and ordered by time. */
export interface IdSource {
  /**
   * @param prefix what it is an id of, such as `rsv`
   * @param nowMs the time that it bears, in milliseconds since 1970
   * @param owner the user whose rows it will stand among; their tag ends the id
   */
  next(prefix: string, nowMs: number, owner?: UserId): string;
}

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_CHARS = 10;
const COUNTER_CHARS = 4;
const COUNTER_END = 32 ** COUNTER_CHARS;
const NODE_CHARS = 8;
const TAG_CHARS = 2;
/** How many tags there are: users fall into this many groups, and lanes take whole groups. */
export const TAG_COUNT = 32 ** TAG_CHARS;

/**
 * An id source for one process: `<prefix>_` + time, counter, process and user tag in Crockford's
 * base 32. Two processes differ by 40 random bits, two ids of one process by time or counter.
 * @param random gives numbers from 0 up to 1
 */
export function createIdSource(random: () => number): IdSource {
  let node = "";
  for (let i = 0; i < NODE_CHARS; i++) node += ALPHABET[Math.floor(random() * 32)];
  let lastMs = 0;
  let timeText = "";
  let counter = 0;
  return {
    next(prefix, nowMs, owner) {
      // A clock that steps back must not bring ids out of order, and a full counter borrows from the
      // next millisecond.
      if (nowMs > lastMs || counter === COUNTER_END) {
        lastMs = Math.max(nowMs, counter === COUNTER_END ? lastMs + 1 : 0);
        timeText = base32(lastMs, TIME_CHARS);
        counter = 0;
      }
      const tag = owner === undefined ? "00" : tagText(tagOf(owner));
      return `${prefix}_${timeText}${base32(counter++, COUNTER_CHARS)}${node}${tag}`;
    },
  };
}

/** A text before all ids with this prefix that bear this time or a later one, and after all others of it. */
export function idsFrom(prefix: string, sinceMs: number): string {
  return `${prefix}_${base32(sinceMs, TIME_CHARS)}`;
}

/** The group that a user falls into, from 0 to TAG_COUNT - 1 (FNV-1a of the id). */
export function tagOf(user: UserId): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < user.length; i++) {
    hash = Math.imul(hash ^ user.charCodeAt(i), 0x01000193);
  }
  // The low bits of FNV-1a alone are weak for short keys; folding mixes the high ones in.
  return ((hash ^ (hash >>> 15)) >>> 0) % TAG_COUNT;
}

/** The group named by the end of one of our ids; any group for anything that isn't one. */
export function tagInId(id: string): number {
  const high = ALPHABET.indexOf(id.charAt(id.length - 2));
  const low = ALPHABET.indexOf(id.charAt(id.length - 1));
  return high < 0 || low < 0 ? 0 : high * 32 + low;
}

function tagText(tag: number): string {
  return ALPHABET.charAt(tag >>> 5) + ALPHABET.charAt(tag & 31);
}

function base32(value: number, length: number): string {
  let text = "";
  let rest = value;
  for (let i = 0; i < length; i++) {
    text = ALPHABET.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}
