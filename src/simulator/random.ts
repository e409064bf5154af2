import { createHash } from "node:crypto";

const DIGITS = "0123456789";
const ALPHANUMERIC = `${DIGITS}ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz`;
const HEX = "0123456789abcdef";
const FRACTION_BYTES = 6;

/** Randomness that a seed repeats: numbers, nonces and chances of a simulator, but none of its keys. */
export class Random {
  readonly #seed: string;
  #blocks = 0;
  #left = Buffer.alloc(0);

  constructor(seed: number) {
    this.#seed = String(seed);
  }

  /** Begins anew: what follows is what followed at first. */
  restart(): void {
    this.#blocks = 0;
    this.#left = Buffer.alloc(0);
  }

  bytes(count: number): Buffer {
    while (this.#left.length < count) {
      const block = createHash("sha256").update(`${this.#seed}:${this.#blocks}`).digest();
      this.#left = Buffer.concat([this.#left, block]);
      this.#blocks += 1;
    }
    const taken = this.#left.subarray(0, count);
    this.#left = this.#left.subarray(count);
    return taken;
  }

  /** From 0 to below 1. */
  fraction(): number {
    return this.bytes(FRACTION_BYTES).readUIntBE(0, FRACTION_BYTES) / 2 ** (8 * FRACTION_BYTES);
  }

  digits(count: number): string {
    return this.#text(DIGITS, count);
  }

  alphanumeric(count: number): string {
    return this.#text(ALPHANUMERIC, count);
  }

  hex(count: number): string {
    return this.#text(HEX, count);
  }

  #text(alphabet: string, count: number): string {
    const pick = () => alphabet[Math.floor(this.fraction() * alphabet.length)] ?? "";
    return Array.from({ length: count }, pick).join("");
  }
}
