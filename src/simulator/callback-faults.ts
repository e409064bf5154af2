/** What can go wrong with callbacks, for tests to ask for. */
import type { Random } from "./random.ts";

/** The part of a callback that is spoilt; all but the first seven come with a right signature. */
export const CORRUPT_LAYERS = [
  /** The signature has a wrong bit. */
  "signature",
  /** The signature isn't base64. */
  "signature-text",
  /** Another of WeChat Pay's keys is named than the one that signed. */
  "serial",
  "unknown-serial",
  /** Signed by the merchant's own key, under the serial of the merchant's certificate. */
  "merchant-signed",
  /** Signed six minutes ago. */
  "timestamp",
  /** The body has changed after it was signed. */
  "body",
  "ciphertext",
  "tag",
  /** Only four bytes of the tag are there. */
  "short-tag",
  "associated-data",
  "nonce",
  "algorithm",
  /** Encrypted with another merchant's APIv3 key. */
  "api-key",
  /** What is encrypted is no JSON. */
  "plaintext",
  /** The envelope is no JSON. */
  "json",
] as const;
export type CorruptLayer = (typeof CORRUPT_LAYERS)[number];

/** For so many deliveries, or for each with a chance from 0 to 1. */
export type HowOften = number | { readonly chance: number };

export type Twist =
  | "drop"
  | "duplicate"
  | "duplicateConcurrently"
  | "probe"
  | "otherMerchant"
  | "unknownEvent"
  | "emptyAssociatedData"
  | "beforePrepayReturns"
  | `corrupt:${CorruptLayer}`;

export class CallbackFaults {
  readonly #random: Random;
  readonly #counts = new Map<Twist, number>();
  readonly #chances = new Map<Twist, number>();
  #delayMs = 0;
  #reorder = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A delivery is lost on its way; it counts as failed, so a retry comes. */
  drop(how: HowOften = 1): void {
    this.#set("drop", how);
  }

  /** A callback that was received comes again, with a signature of its own. */
  duplicate(how: HowOften = 1): void {
    this.#set("duplicate", how);
  }

  /** Two deliveries of one callback at the same moment. */
  duplicateConcurrently(how: HowOften = 1): void {
    this.#set("duplicateConcurrently", how);
  }

  /** The next `count` callbacks wait for each other and leave in reverse. */
  reorder(count: number): void {
    this.#reorder = count;
  }

  /** Callbacks leave so many simulated milliseconds after what they tell. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  corrupt(layer: CorruptLayer, how: HowOften = 1): void {
    this.#set(`corrupt:${layer}`, how);
  }

  /** A delivery whose signature is a `WECHATPAY/SIGNTEST/` comes before the true one. */
  probe(how: HowOften = 1): void {
    this.#set("probe", how);
  }

  /** The resource tells of a merchant and an appid that aren't the receiver's; all else is right. */
  otherMerchant(how: HowOften = 1): void {
    this.#set("otherMerchant", how);
  }

  unknownEvent(how: HowOften = 1): void {
    this.#set("unknownEvent", how);
  }

  emptyAssociatedData(how: HowOften = 1): void {
    this.#set("emptyAssociatedData", how);
  }

  /** An order is paid, and its callback delivered, before the answer to its creation leaves. */
  beforePrepayReturns(how: HowOften = 1): void {
    this.#set("beforePrepayReturns", how);
  }

  clear(): void {
    this.#counts.clear();
    this.#chances.clear();
    this.#delayMs = 0;
    this.#reorder = 0;
  }

  get delayMs(): number {
    return this.#delayMs;
  }

  /** How many callbacks still wait for each other. */
  get reorderCount(): number {
    return this.#reorder;
  }

  /** True when the twist applies now; a counted one is used up by it. */
  take(twist: Twist): boolean {
    const count = this.#counts.get(twist) ?? 0;
    if (count > 0) {
      this.#counts.set(twist, count - 1);
      return true;
    }
    const chance = this.#chances.get(twist) ?? 0;
    return chance > 0 && this.#random.fraction() < chance;
  }

  #set(twist: Twist, how: HowOften): void {
    if (typeof how === "number") this.#counts.set(twist, how);
    else this.#chances.set(twist, how.chance);
  }
}
