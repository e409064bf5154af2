/** Faults of answers, for tests to ask for: each is played on the next requests that match. */

export type Fault =
  /** The signature of the answer has a wrong bit. */
  | { readonly kind: "bad-signature" }
  /** The signature is a `WECHATPAY/SIGNTEST/` probe. */
  | { readonly kind: "signtest" }
  /** Another of WeChat Pay's keys is named than the one that signed. */
  | { readonly kind: "wrong-serial" }
  | { readonly kind: "unknown-serial" }
  /** Signature headers that are missing: all, or those named. */
  | { readonly kind: "missing-headers"; readonly headers?: readonly string[] }
  /** Signed so many seconds from now; below zero for the past. */
  | { readonly kind: "timestamp"; readonly offsetSeconds: number }
  /** The body has changed after it was signed. */
  | { readonly kind: "altered-body" }
  /** The answer waits so many real milliseconds. */
  | { readonly kind: "delay"; readonly ms: number }
  /** No answer ever; before or after the request was carried out. */
  | { readonly kind: "hang"; readonly when: When }
  /** The connection is cut. */
  | { readonly kind: "reset"; readonly when: When }
  | { readonly kind: "rate-limited" }
  | { readonly kind: "system-error"; readonly when: When }
  /** An HTML page with status 502. */
  | { readonly kind: "bad-gateway" }
  /** The first half of the body, rightly signed. */
  | { readonly kind: "truncated-json" }
  | { readonly kind: "redirect"; readonly location: string };

/** Before a request is carried out, or after. */
export type When = "before" | "after";

export interface FaultMatch {
  readonly method?: string;
  /** The beginning of the path, or a pattern for path and query. */
  readonly path?: string | RegExp;
}

/** A request that stands still until it is let go. */
export interface Barrier {
  /** Resolves when the request has come. */
  readonly reached: Promise<void>;
  release(): void;
}

interface Planned {
  readonly match: FaultMatch;
  readonly fault: Fault;
  left: number;
}

interface Hold {
  readonly match: FaultMatch;
  readonly when: When;
  readonly reach: () => void;
  readonly released: Promise<void>;
  readonly release: () => void;
}

export class RequestFaults {
  #planned: Planned[] = [];
  #holds: Hold[] = [];
  readonly #held = new Set<Hold>();

  /** Plays a fault on the next `times` requests that match. */
  next(match: FaultMatch, fault: Fault, times = 1): void {
    this.#planned.push({ match, fault, left: times });
  }

  /** Holds the next request that matches, before it is carried out or before its answer leaves. */
  hold(match: FaultMatch, when: When = "before"): Barrier {
    const reached = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const release = released.resolve;
    this.#holds.push({ match, when, reach: reached.resolve, released: released.promise, release });
    return { reached: reached.promise, release };
  }

  /** Plans nothing more, and lets go whoever is held. */
  clear(): void {
    for (const hold of [...this.#holds, ...this.#held]) hold.release();
    this.#planned = [];
    this.#holds = [];
  }

  take(method: string, target: string): Fault | null {
    const planned = this.#planned.find(({ match, left }) => left > 0 && isMatch(match, method, target));
    if (planned === undefined) return null;
    planned.left -= 1;
    if (planned.left <= 0) this.#planned = this.#planned.filter((each) => each !== planned);
    return planned.fault;
  }

  /** Waits where a test holds the request. */
  async pass(when: When, method: string, target: string): Promise<void> {
    const hold = this.#holds.find((each) => each.when === when && isMatch(each.match, method, target));
    if (hold === undefined) return;
    this.#holds = this.#holds.filter((each) => each !== hold);
    this.#held.add(hold);
    hold.reach();
    await hold.released;
    this.#held.delete(hold);
  }
}

function isMatch({ method, path }: FaultMatch, requestMethod: string, target: string): boolean {
  if (method !== undefined && method.toUpperCase() !== requestMethod) return false;
  if (path === undefined) return true;
  return typeof path === "string" ? target.startsWith(path) : path.test(target);
}
