import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Approval, ApprovalMatter } from "../../../src/billing/catalog/approval.ts";
import { createFeatureVersion } from "../../../src/billing/catalog/create-feature-version.ts";
import { approve, reject } from "../../../src/billing/catalog/decide-approval.ts";
import type { CatalogDesk, CatalogUseCase } from "../../../src/billing/catalog/desk.ts";
import type { Feature, FeatureTerms } from "../../../src/billing/catalog/feature.ts";
import { publishFeature } from "../../../src/billing/catalog/publish-feature.ts";
import { requestApproval } from "../../../src/billing/catalog/request-approval.ts";
import { retireFeature } from "../../../src/billing/catalog/retire-feature.ts";
import { serveCatalog } from "../../../src/billing/catalog/serve.ts";
import { setFeatureAccess } from "../../../src/billing/catalog/set-feature-access.ts";
import type { ApprovalId, FeatureId, ReviewId, UserId } from "../../../src/billing/id.ts";
import { BadField, Refusal } from "../../../src/billing/refusal.ts";

/** Objects as programs write them: the default has some without a prototype. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(model, { noNullPrototype: true });

const word = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,10}$/);
const featureId = word.map((text) => text as FeatureId);
const userId = word.map((text) => text as UserId);
const amount = fc.bigInt({ min: 0n, max: 1_000_000_000_000n });

const terms: fc.Arbitrary<FeatureTerms> = record({
  featureId,
  displayName: fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
  quotaCost: amount,
  highCost: fc.boolean(),
  category: fc.constantFrom("image", "video", "text"),
  accessScope: fc.constantFrom("MEMBER" as const, "WHITELIST" as const, "INTERNAL" as const),
  rateLimitPolicy: fc.option(
    record({
      maxPerHour: fc.nat(10_000),
      maxPerDay: fc.nat(10_000),
      cooldownSeconds: fc.nat(86_400),
      maxInFlight: fc.nat(1_000),
    }),
  ),
  launchPlan: fc.string({ maxLength: 20 }),
});

const matter: fc.Arbitrary<ApprovalMatter> = fc.oneof(
  record({
    kind: fc.constant("ZERO_COST_FEATURE" as const),
    featureVersion: record({ featureId, version: fc.integer({ min: 1, max: 1_000 }) }),
  }),
  record({
    kind: fc.constant("QUOTA_ADJUSTMENT" as const),
    adjustment: record({
      userId,
      amount,
      priority: fc.nat(100),
      validDays: fc.nat(3_650),
    }),
  }),
);

const featureState = fc.constantFrom(
  "DRAFT" as const,
  "PUBLISHED" as const,
  "SUPERSEDED" as const,
  "RETIRED" as const,
);

const approval: fc.Arbitrary<Approval> = record({
  approvalId: word.map((text) => text as ApprovalId),
  matter,
  reason: fc.string({ maxLength: 20 }),
  state: fc.constantFrom("PENDING" as const, "APPROVED" as const, "REJECTED" as const),
  requestedBy: fc.constantFrom("ada", "bob", "cai"),
  decidedBy: fc.option(word),
  decisionNote: fc.string({ maxLength: 20 }),
  createTimeMs: fc.nat(),
  decideTimeMs: fc.option(fc.nat()),
});

const DESK: CatalogDesk = {
  nowMs: 1_700_000_000_000,
  caller: { name: "ada" },
  file: undefined,
  approval: undefined,
  offer: undefined,
  pipeline: undefined,
  knowsUser: false,
  newId: (prefix) => `${prefix}_1`,
};

/** A feature nobody objects to; `state` is that of its only version. */
function known(change: Partial<Feature> = {}): CatalogDesk {
  const feature: Feature = {
    featureId: "f" as FeatureId,
    displayName: "f",
    quotaCost: 1n,
    highCost: false,
    category: "image",
    accessScope: "MEMBER",
    rateLimitPolicy: { maxPerHour: 1, maxPerDay: 1, cooldownSeconds: 0, maxInFlight: 0 },
    launchPlan: "",
    version: 1,
    state: "DRAFT",
    createTimeMs: 0,
    publishTimeMs: null,
    createdBy: "bob",
    ...change,
  };
  const file = {
    lastVersion: 1,
    inForce: feature.state === "PUBLISHED" ? feature : undefined,
    named: feature,
    zeroCostApproved: false,
    listedCount: 0,
    listed: new Set<UserId>(),
  };
  return { ...DESK, file };
}

function reasonOf<Input, Answer>(
  useCase: CatalogUseCase<Input, Answer>,
  desk: CatalogDesk,
  input: Input,
): string {
  try {
    useCase.decide(desk, input);
    return "passed";
  } catch (error) {
    if (error instanceof Refusal) return error.reason;
    throw error;
  }
}

const version = { featureId: "f" as FeatureId, version: 1 };

describe("the catalogue's decisions", () => {
  it("keep the same fields in the same order for every content, so that keys compare", () => {
    const shapes = <Input, Answer>(
      useCase: CatalogUseCase<Input, Answer>,
      input: fc.Arbitrary<Input>,
    ) => {
      const seen = new Set<string>();
      const note = (one: Input) => void seen.add(Object.keys(useCase.content(one)).join());
      fc.assert(fc.property(input, note));
      assert.equal(seen.size, 1, useCase.method);
    };
    shapes(createFeatureVersion, terms);
    shapes(requestApproval, record({ matter, reason: fc.string() }));
    shapes(publishFeature, record({ featureId, version: fc.nat() }));
    const users = fc.array(userId);
    shapes(setFeatureAccess, record({ featureId, addUserIds: users, removeUserIds: users }));
  });

  it("make another content of another request", () => {
    const contentOf = (one: FeatureTerms) => JSON.stringify(createFeatureVersion.content(one));
    fc.assert(
      fc.property(terms, terms, (one, other) => {
        const isSame = fc.stringify(one) === fc.stringify(other);
        assert.equal(contentOf(one) === contentOf(other), isSame);
      }),
    );
  });

  it("take the same users in another order, or named twice, for the same request", () => {
    const add = (...addUserIds: string[]) =>
      setFeatureAccess.content({
        featureId: "f" as FeatureId,
        addUserIds: addUserIds as UserId[],
        removeUserIds: [],
      });
    assert.deepEqual(add("b", "a", "b"), add("a", "b"));
  });

  it("read every answer back as it was written, to the unit", () => {
    fc.assert(
      fc.property(terms, featureState, fc.option(fc.nat()), (written, state, publishTimeMs) => {
        const feature: Feature = {
          ...written,
          version: 1,
          state,
          createTimeMs: 1,
          publishTimeMs,
          createdBy: "ada",
        };
        const answer = { feature, findings: [], reviewId: "rev_1" as ReviewId };
        const { answers } = publishFeature;
        assert.deepEqual(answers.read(answers.write(answer)), answer);
        const retired = retireFeature.answers.write({ feature });
        assert.deepEqual(retireFeature.answers.read(retired), { feature });
      }),
    );
    fc.assert(
      fc.property(approval, (one) => {
        const { answers } = approve;
        assert.deepEqual(answers.read(answers.write({ approval: one })), { approval: one });
      }),
    );
  });

  it("write only the fields of a feature's terms, whatever else the caller's object has", () => {
    const smuggled = { ...known().file!.named!, state: "PUBLISHED" as const, version: 9, id: "x" };
    const { answer } = createFeatureVersion.decide(DESK, smuggled);
    assert.deepEqual(
      { ...answer.feature },
      { ...known().file!.named!, createTimeMs: DESK.nowMs, createdBy: "ada" },
    );
  });

  it("refuse a publication for the first reason that applies", () => {
    assert.equal(reasonOf(publishFeature, DESK, version), "FEATURE_NOT_FOUND");
    for (const state of ["PUBLISHED", "SUPERSEDED", "RETIRED"] as const) {
      const broken = known({ state, quotaCost: 0n, rateLimitPolicy: null });
      assert.equal(reasonOf(publishFeature, broken, version), "FEATURE_STATE_INVALID");
    }
    const freeForEver = known({ quotaCost: 0n, rateLimitPolicy: null });
    assert.equal(reasonOf(publishFeature, freeForEver, version), "REVIEW_FAILED");
    assert.equal(reasonOf(publishFeature, known({ quotaCost: 0n }), version), "APPROVAL_REQUIRED");
    assert.equal(reasonOf(publishFeature, known(), version), "passed");
  });

  it("let nobody but a second person decide, once, whatever is asked for", () => {
    fc.assert(
      fc.property(approval, fc.boolean(), (one, yes) => {
        const useCase = yes ? approve : reject;
        const input = { approvalId: one.approvalId, note: "seen" };
        const reason = reasonOf(useCase, { ...DESK, approval: one }, input);
        if (one.state !== "PENDING") assert.equal(reason, "APPROVAL_NOT_PENDING");
        else if (one.requestedBy === "ada") assert.equal(reason, "SELF_APPROVAL_FORBIDDEN");
        else assert.equal(reason, "passed");
        assert.equal(reasonOf(useCase, DESK, input), "APPROVAL_NOT_FOUND");
      }),
    );
  });

  it("refuse to ask for what is unknown or too late", () => {
    const free = { kind: "ZERO_COST_FEATURE", featureVersion: version } as const;
    const ask = { matter: free, reason: "launch" };
    assert.equal(reasonOf(requestApproval, DESK, ask), "FEATURE_NOT_FOUND");
    const inForce = known({ state: "PUBLISHED" });
    assert.equal(reasonOf(requestApproval, inForce, ask), "FEATURE_STATE_INVALID");
    assert.equal(reasonOf(requestApproval, known(), ask), "passed");
    const adjustment = { userId: "u" as UserId, amount: 1n, priority: 50, validDays: 0 };
    const apology = { matter: { kind: "QUOTA_ADJUSTMENT", adjustment } as const, reason: "sorry" };
    assert.equal(reasonOf(requestApproval, DESK, apology), "USER_NOT_FOUND");
    assert.equal(reasonOf(requestApproval, { ...DESK, knowsUser: true }, apology), "passed");
  });

  it("put nobody on a list and take them off it in one request", () => {
    const both = ["u"] as UserId[];
    const input = { featureId: "f" as FeatureId, addUserIds: both, removeUserIds: both };
    assert.throws(() => setFeatureAccess.decide(known(), input), BadField);
  });

  it("leave a word in the audit trail for every change, and none where nothing changes", () => {
    const pending: Approval = {
      approvalId: "a" as ApprovalId,
      matter: { kind: "ZERO_COST_FEATURE", featureVersion: version },
      reason: "",
      state: "PENDING",
      requestedBy: "bob",
      decidedBy: null,
      decisionNote: "",
      createTimeMs: 0,
      decideTimeMs: null,
    };
    const { writes } = approve.decide(
      { ...DESK, approval: pending },
      { approvalId: pending.approvalId, note: "fine" },
    );
    assert.deepEqual(
      writes.notes.map(({ action, subject, reason }) => [action, subject, reason]),
      [["Approve", "feature/f/1", "fine"]],
    );
    const nobody = { featureId: "f" as FeatureId, addUserIds: [], removeUserIds: [] };
    assert.deepEqual(setFeatureAccess.decide(known(), nobody).writes, { notes: [] });
  });

  it("write nothing at all for a preview", () => {
    const command = {
      input: version,
      idempotencyKey: "k",
      caller: DESK.caller,
      validateOnly: true,
    };
    const outcome = serveCatalog(publishFeature, command, known(), undefined);
    assert.equal(outcome.answer.feature.state, "PUBLISHED");
    assert.deepEqual([outcome.writes, outcome.operation], [{ notes: [] }, null]);
  });
});
