import assert from "node:assert/strict";
import { checkQuota } from "../../../src/billing/quota/check-quota.ts";
import { batchReserveQuota, reserveQuota } from "../../../src/billing/quota/reserve-quota.ts";
import type { FeatureId, UserId } from "../../../src/billing/id.ts";
import { registerUser } from "../../../src/billing/membership/register-user.ts";
import { suspendUser } from "../../../src/billing/membership/suspend-user.ts";
import type { Reason } from "../../../src/billing/refusal.ts";
import {
  ANN,
  BOB,
  CUT_OUT,
  LISTED,
  WITHDRAWN,
  batchInput,
  commit,
  emptyWorld,
  feature,
  limits,
  register,
  reserve,
  reserveInput,
  worldWithAnn,
} from "../support/actions.ts";
import { readerOf } from "../support/reader.ts";
import type { World } from "../support/world.ts";

const UNKNOWN = "unknown" as FeatureId;

/**
 * Brings about one reason, for Ann and the feature named; in this order they can be brought about
 * together.
 */
const CAUSES = {
  IN_FLIGHT_LIMITED: (world) => {
    limit(world, { maxInFlight: 1 });
    reserve(world, LISTED);
  },
  COOLDOWN_ACTIVE: (world) => {
    useOnce(world);
    limit(world, { cooldownSeconds: 60 });
  },
  RATE_LIMITED: (world) => {
    useOnce(world);
    limit(world, { maxPerHour: 1 });
  },
  QUOTA_INSUFFICIENT: (world) => void reserve(world, CUT_OUT, { quantity: available(world) }),
  FEATURE_ACCESS_DENIED: (world) => world.access.clear(),
  MEMBERSHIP_REQUIRED: (world) => {
    world.users.get(ANN)!.membershipUntilMs = world.nowMs;
  },
  USER_SUSPENDED: (world) => void world.accept(suspendUser, { userId: ANN, reason: "fraud" }),
} satisfies Partial<Record<Reason, (world: World) => void>>;

type Cause = keyof typeof CAUSES;

/** As quota_service.proto states it, without those that have to do with the feature's name. */
const PRECEDENCE: readonly Cause[] = [
  "USER_SUSPENDED",
  "MEMBERSHIP_REQUIRED",
  "FEATURE_ACCESS_DENIED",
  "IN_FLIGHT_LIMITED",
  "COOLDOWN_ACTIVE",
  "RATE_LIMITED",
  "QUOTA_INSUFFICIENT",
];

describe("what ReserveQuota refuses first", () => {
  for (const [at, winner] of PRECEDENCE.entries()) {
    it(`refuses as ${winner} when nothing else is in the way`, () => {
      assert.equal(reasonOf(worldWith(winner)), winner);
    });
    for (const loser of PRECEDENCE.slice(at + 1)) {
      it(`refuses as ${winner} rather than ${loser}`, () => {
        assert.equal(reasonOf(worldWith(winner, loser)), winner);
      });
    }
  }

  const NAMES = [
    ["FEATURE_NOT_FOUND", UNKNOWN],
    ["FEATURE_NOT_PUBLISHED", WITHDRAWN],
  ] as const;
  for (const [reason, featureId] of NAMES) {
    it(`refuses as USER_SUSPENDED rather than ${reason}`, () => {
      assert.equal(reasonOf(worldWith("USER_SUSPENDED"), featureId), "USER_SUSPENDED");
    });
    it(`refuses as ${reason} rather than MEMBERSHIP_REQUIRED`, () => {
      assert.equal(reasonOf(worldWith("MEMBERSHIP_REQUIRED"), featureId), reason);
    });
    it(`refuses as USER_NOT_FOUND rather than ${reason}`, () => {
      const input = reserveInput(featureId, { userId: BOB });
      assert.equal(worldWithAnn().refuse(reserveQuota, input).reason, "USER_NOT_FOUND");
    });
  }

  it("refuses as IDEMPOTENCY_KEY_REUSED rather than USER_NOT_FOUND", () => {
    const world = worldWithAnn();
    const input = reserveInput(CUT_OUT);
    world.accept(reserveQuota, input, { key: "k" });
    const refusal = world.refuse(reserveQuota, { ...input, userId: BOB }, { key: "k" });
    assert.equal(refusal.reason, "IDEMPOTENCY_KEY_REUSED");
    assert.deepEqual(refusal.facts, { method: "ReserveQuota", field: "user_id" });
  });

  it("replays an answer to a user who couldn't reserve any more", () => {
    const world = worldWithAnn();
    const input = reserveInput(CUT_OUT);
    world.accept(reserveQuota, input, { key: "k" });
    world.accept(suspendUser, { userId: ANN, reason: "fraud" });
    assert.deepEqual(Object.keys(world.accept(reserveQuota, input, { key: "k" })).length, 2);
  });

  it("lets the first line that fails refuse a batch, whatever a later line would say", () => {
    const world = worldWithAnn(4n);
    world.access.clear();
    const short = ["cut-out*5", "unknown"];
    const reason = (lines: string[]) => world.refuse(batchReserveQuota, batchInput(lines)).reason;
    assert.equal(reason(short), "QUOTA_INSUFFICIENT");
    const unknown = ["unknown", "cut-out*5"];
    assert.equal(reason(unknown), "FEATURE_NOT_FOUND");
    const denied = ["cut-out", "listed", "withdrawn"];
    assert.equal(reason(denied), "FEATURE_ACCESS_DENIED");
  });

  it("takes a user for unknown whose registration the same batch only previews", () => {
    const world = emptyWorld();
    const [preview, reserved] = world.sendAll([
      { useCase: registerUser, input: { userId: BOB }, options: { validateOnly: true } },
      { useCase: reserveQuota, input: reserveInput(CUT_OUT, { userId: BOB }) },
    ] as never);
    assert.ok("answer" in preview!);
    assert.equal("refusal" in reserved! && reserved.refusal.reason, "USER_NOT_FOUND");
  });

  it("gives the facts that each reason promises", () => {
    const facts = (cause: Cause) => worldWith(cause).refuse(reserveQuota, wanted()).facts;
    const both = { userId: ANN, featureId: LISTED };
    assert.deepEqual(facts("USER_SUSPENDED"), { userId: ANN });
    assert.deepEqual(facts("MEMBERSHIP_REQUIRED"), { userId: ANN });
    assert.deepEqual(facts("FEATURE_ACCESS_DENIED"), { ...both, accessScope: "WHITELIST" });
    assert.deepEqual(facts("IN_FLIGHT_LIMITED"), { ...both, max: "1", inFlight: "1" });
    assert.deepEqual(facts("COOLDOWN_ACTIVE"), { ...both, cooldownSeconds: "60" });
    assert.deepEqual(facts("RATE_LIMITED"), { ...both, window: "hour", max: "1", used: "1" });
    assert.deepEqual(facts("QUOTA_INSUFFICIENT"), { userId: ANN, available: "0", required: "1" });
  });
});

describe("CheckQuota", () => {
  it("gives every refusal in the order in which ReserveQuota would", async () => {
    const world = worldWith(...PRECEDENCE);
    const input = { userId: ANN, featureId: LISTED, quantity: 1 };
    const { refusals, requiredAmount, balance } = await checkQuota(readerOf(world), input);
    assert.deepEqual(refusals.map(({ reason }) => reason), PRECEDENCE);
    assert.equal(requiredAmount, 1n);
    assert.equal(balance!.available, 0n);
  });

  it("asks an unknown feature for no price, and gives what can be said of the user", async () => {
    const world = worldWith("USER_SUSPENDED", "MEMBERSHIP_REQUIRED");
    const input = { userId: ANN, featureId: UNKNOWN, quantity: 3 };
    const { refusals, requiredAmount } = await checkQuota(readerOf(world), input);
    const reasons = refusals.map(({ reason }) => reason);
    assert.deepEqual(reasons, ["USER_SUSPENDED", "FEATURE_NOT_FOUND", "MEMBERSHIP_REQUIRED"]);
    assert.equal(requiredAmount, 0n);
  });

  it("names an unknown user, without a balance", async () => {
    const input = { userId: "nobody" as UserId, featureId: CUT_OUT, quantity: 1 };
    const answer = await checkQuota(readerOf(worldWithAnn()), input);
    assert.deepEqual(answer.refusals.map(({ reason }) => reason), ["USER_NOT_FOUND"]);
    assert.equal(answer.balance, null);
  });

  it("allows exactly what ReserveQuota allows", async () => {
    const world = worldWith();
    const input = { userId: ANN, featureId: LISTED, quantity: 10 };
    const reader = readerOf(world);
    assert.deepEqual((await checkQuota(reader, input)).refusals, []);
    const more = await checkQuota(reader, { ...input, quantity: 11 });
    assert.deepEqual(more.refusals.map(({ reason }) => reason), ["QUOTA_INSUFFICIENT"]);
    world.refuse(reserveQuota, reserveInput(LISTED, { quantity: 11 }));
    world.accept(reserveQuota, reserveInput(LISTED, { quantity: 10 }));
  });
});

/** A world in which Ann may use LISTED, but for the causes. */
function worldWith(...wantedCauses: readonly Cause[]): World {
  const world = emptyWorld();
  register(world, ANN);
  world.access.set(LISTED, new Set([ANN]));
  for (const cause of Object.keys(CAUSES) as Cause[]) {
    if (wantedCauses.includes(cause)) CAUSES[cause](world);
  }
  return world;
}

function wanted() {
  return reserveInput(LISTED);
}

function reasonOf(world: World, featureId: FeatureId = LISTED): Reason {
  return world.refuse(reserveQuota, reserveInput(featureId)).reason;
}

/** Adds to the limits of LISTED. */
function limit(world: World, policy: Parameters<typeof limits>[0]): void {
  const now = world.features.get(LISTED);
  const before = now === undefined || now === "unpublished" ? null : now.rateLimitPolicy;
  const rateLimitPolicy = limits({ ...before, ...policy });
  world.features.set(LISTED, feature(LISTED, { accessScope: "WHITELIST", rateLimitPolicy }));
}

/** One use that counts and is no open hold. */
function useOnce(world: World): void {
  const uses = [...world.reservations.values()].filter((kept) => kept.featureId === LISTED);
  if (uses.length === 0) commit(world, reserve(world, LISTED));
}

function available(world: World): number {
  return Number(world.users.get(ANN)!.available);
}
