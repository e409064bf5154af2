import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { Metadata, status, type ServiceError } from "@grpc/grpc-js";
import { service as Health } from "grpc-health-check";
import {
  GetBalanceRequest,
  QuotaServiceService as Quota,
} from "../../src/gen/billing/quota/v1/quota_service.ts";
import type { CallObserver, ObservedCall } from "../../src/telemetry/observer.ts";
import { startBareServer, type BareServer } from "../support/bare-server.ts";
import { assertRefused, Caller, toldBy, type UnaryMethod } from "../support/calls.ts";
import { holdCommands, type HeldCommand, type HeldTeller } from "../support/held-teller.ts";
import { frame, rawCall } from "../support/raw-call.ts";
import { reserveOf } from "../support/requests.ts";
import { tokenOf } from "../support/service.ts";

const run = promisify(execFile);
const asPipeline = { token: tokenOf("pipeline") };
const NO_READER = {} as never;

const check = Health["Check"] as unknown as UnaryMethod<{ service: string }, { status: string }>;
const servicesOf = (file: string) =>
  `billing.${file}.v1.${file.replace(/^./, (letter) => letter.toUpperCase())}Service`;

describe("health and reflection", () => {
  let bare: BareServer;
  before(async () => {
    bare = await startBareServer();
  });
  after(() => bare.close());

  it("tells without a credential whether each service serves, by readiness", async () => {
    const names = ["", ...["quota", "membership", "catalog"].map(servicesOf)];
    for (const [ready, word] of [
      [true, "SERVING"],
      [false, "NOT_SERVING"],
      [true, "SERVING"],
    ] as const) {
      bare.server.setReady(ready);
      for (const service of names) {
        assert.equal((await bare.caller.call(check, { service })).status, word, service);
      }
    }
    const unknown = bare.caller.call(check, { service: "no.Such" });
    await assert.rejects(unknown, ({ code }: ServiceError) => code === status.NOT_FOUND);
  });

  it("shows the contract with its comments, and lets a person call by it", async () => {
    const curl = async (...words: string[]) => {
      const fixed = ["curl", "--protocol", "grpc", "--http2-prior-knowledge", "--reflect"];
      return (await run("buf", [...fixed, ...words])).stdout;
    };
    const url = `http://${bare.address}`;
    const services = await curl("--list-services", url);
    for (const name of [
      "grpc.health.v1.Health",
      ...["quota", "membership", "catalog"].map(servicesOf),
    ]) {
      assert.match(services, new RegExp(name.replaceAll(".", String.raw`\.`)));
    }
    assert.match(await curl("--list-methods", url), /QuotaService\/ReserveQuota/);
    assert.match(await curl("-d", "{}", `${url}/grpc.health.v1.Health/Check`), /SERVING/);
    const refused = curl(
      "-d",
      "{}",
      "-H",
      `authorization: Bearer ${tokenOf("pipeline")}`,
      `${url}/${servicesOf("quota")}/GetBalance`,
    );
    await assert.rejects(refused, ({ stderr }: { stderr: string }) =>
      /user_id is required/.test(stderr),
    );
  });
});

describe("a fault behind the wire", () => {
  it("is INTERNAL under the caller's request id, or under one of ours", async () => {
    const bare = await startBareServer();
    const ask = (id?: string) => {
      const headers = id === undefined ? {} : { "x-request-id": id };
      const request = GetBalanceRequest.create({ userId: "u1" });
      return assertRefused(
        bare.caller.call(Quota.getBalance, request, { ...asPipeline, headers }),
        "INTERNAL",
      );
    };
    assert.equal((await ask("my-request-7")).requestId, "my-request-7");
    const { requestId, message } = await ask("x".repeat(200));
    assert.match(requestId!, /^[0-9a-f-]{36}$/);
    assert.doesNotMatch(message, /nothing stands behind/);
    const lines = bare.logLines.filter(({ facts }) => facts["requestId"] === requestId);
    assert.deepEqual(
      lines.map(({ level, facts }) => [level, facts["caller"], facts["method"]]),
      [["error", "pipeline", Quota.getBalance.path]],
    );
    assert.match(String(lines[0]?.facts["err"]), /nothing stands behind/);
    await bare.close();
  });
});

describe("deadlines and cancellation", () => {
  const isCode = (code: status) => (error: ServiceError) => error.code === code;
  const reasonOf = async ({ signal }: HeldCommand) => {
    if (!signal!.aborted) await once(signal!, "abort");
    return (signal!.reason as { reason: string }).reason;
  };
  let held: HeldTeller;
  let bare: BareServer;
  beforeEach(async () => {
    held = holdCommands();
    bare = await startBareServer({ quota: { teller: held.teller, reader: NO_READER } });
  });
  afterEach(async () => {
    for (const { release } of held.commands) release();
    await bare.close();
  });

  it("reach what waits for its turn: a deadline, by the server's own clock", async () => {
    // A gRPC client hangs up at its deadline, before the server's clock or after. This one never does.
    const { path, requestSerialize } = Quota.reserveQuota;
    const body = frame(requestSerialize(reserveOf("u1")), 0);
    const late = rawCall(bare.address, path, body, { "grpc-timeout": "500m" });
    await held.arrived(1);
    assert.equal(await reasonOf(held.commands[0]!), "DEADLINE_EXCEEDED");
    assert.match(await late, new RegExp(`^${status.DEADLINE_EXCEEDED}$|^closed$`));
  });

  it("reach what waits for its turn: a caller that gives up, and hears so at once", async () => {
    const giving = new AbortController();
    const options = { ...asPipeline, signal: giving.signal };
    const given = bare.caller.call(Quota.reserveQuota, reserveOf("u2"), options);
    await held.arrived(1);
    giving.abort();
    await assert.rejects(given, isCode(status.CANCELLED));
    assert.equal(await reasonOf(held.commands[0]!), "CANCELLED");
  });

  it("free the caller at its own deadline, whatever the server does", async () => {
    // A machine may be too slow to bring a call there in so little time: then it gets more.
    for (let deadlineMs = 50; held.commands.length === 0; deadlineMs *= 2) {
      const options = { ...asPipeline, deadlineMs };
      const late = bare.caller.call(Quota.reserveQuota, reserveOf("u1"), options);
      await assert.rejects(late, isCode(status.DEADLINE_EXCEEDED));
    }
    // The client hung up about when the server's clock ran out: which came first is open.
    for (const command of held.commands)
      assert.match(await reasonOf(command), /^(?:DEADLINE_EXCEEDED|CANCELLED)$/);
  });

  it("don't reach a call that was answered", async () => {
    const call = bare.caller.call(Quota.reserveQuota, reserveOf("u1"), asPipeline);
    await held.arrived(1);
    held.commands[0]!.release();
    await assertRefused(call, "USER_NOT_FOUND");
    await bare.close();
    assert.equal(held.commands[0]!.signal!.aborted, false);
  });
});

describe("more calls than the server takes", () => {
  it("are refused as OVERLOADED, with a time to come back, and disturb nobody", async () => {
    const held = holdCommands();
    const quota = { teller: held.teller, reader: NO_READER };
    const bare = await startBareServer({ quota, openCallsMax: 2 });
    const open = [1, 2].map(() =>
      bare.caller.call(Quota.reserveQuota, reserveOf("u1"), asPipeline),
    );
    const ends = open.map((call) => toldBy(call));
    await held.arrived(2);
    await assertRefused(
      bare.caller.call(Quota.reserveQuota, reserveOf("u1"), asPipeline),
      "OVERLOADED",
    );
    assert.equal(bare.server.openCalls(), 2);
    for (const { release } of held.commands) release();
    assert.deepEqual(
      (await Promise.all(ends)).map(({ reason }) => reason),
      ["USER_NOT_FOUND", "USER_NOT_FOUND"],
    );
    assert.equal(bare.server.openCalls(), 0);
    await bare.close();
  });
});

describe("a drain", () => {
  it("answers what is open, refuses what is new as DRAINING, and then is gone", async () => {
    const held = holdCommands();
    const bare = await startBareServer({
      quota: { teller: held.teller, reader: NO_READER },
      drainTimeoutMs: 60_000,
    });
    const open = toldBy(bare.caller.call(Quota.reserveQuota, reserveOf("u1"), asPipeline));
    await held.arrived(1);
    const drained = bare.server.drain();
    assert.equal(bare.server.drain(), drained);
    const other = new Caller(bare.address);
    assert.equal((await other.call(check, { service: "" })).status, "NOT_SERVING");
    await assertRefused(other.call(Quota.reserveQuota, reserveOf("u1"), asPipeline), "DRAINING");
    held.commands[0]!.release();
    assert.equal((await open).reason, "USER_NOT_FOUND");
    await drained;
    const late = other.call(Quota.reserveQuota, reserveOf("u1"), asPipeline);
    await assert.rejects(late, ({ code }: ServiceError) => code === status.UNAVAILABLE);
    other.close();
    bare.caller.close();
  });

  it("ends in its time, whoever is still there, and says so", async () => {
    const held = holdCommands();
    const bare = await startBareServer({
      quota: { teller: held.teller, reader: NO_READER },
      drainTimeoutMs: 50,
    });
    const open = bare.caller.call(Quota.reserveQuota, reserveOf("u1"), asPipeline);
    const cut = assert.rejects(open, ({ code }: ServiceError) => code !== status.OK);
    await held.arrived(1);
    await bare.server.drain();
    await cut;
    assert.deepEqual(
      bare.logLines.map(({ level, facts }) => [level, facts["openCalls"]]),
      [["warn", 1]],
    );
    bare.caller.close();
  });

  it("isn't held up by a health watch", async () => {
    const bare = await startBareServer({ drainTimeoutMs: 60_000 });
    const watch = Health["Watch"]!;
    const stream = bare.caller.client.makeServerStreamRequest(
      watch.path,
      watch.requestSerialize,
      watch.responseDeserialize,
      { service: "" },
      new Metadata(),
    );
    const ended = new Promise((resolve) => stream.on("error", resolve));
    assert.deepEqual(await once(stream, "data"), [{ status: "SERVING" }]);
    const next = once(stream, "data");
    await bare.server.drain();
    assert.deepEqual(await next, [{ status: "NOT_SERVING" }]);
    await ended;
    bare.caller.close();
  });
});

describe("the observer", () => {
  it("hears of each call once, with its code and reason", async () => {
    const seen: unknown[] = [];
    const call: ObservedCall = {
      run: (work) => work(),
      operation: () => call,
      finished: (code, reason) => void seen.push([code, reason]),
    };
    const observer: CallObserver = {
      started: (method, header) => {
        seen.push([method, header("traceparent"), header("absent")]);
        return call;
      },
    };
    const bare = await startBareServer({ observer });
    const headers = { traceparent: "00-1-2-01" };
    const request = GetBalanceRequest.create({ userId: "" });
    await assertRefused(
      bare.caller.call(Quota.getBalance, request, { ...asPipeline, headers }),
      "INVALID_FIELD",
    );
    await assertRefused(bare.caller.call(Quota.getBalance, request), "UNAUTHENTICATED");
    const { path } = Quota.getBalance;
    assert.deepEqual(seen, [
      [path, "00-1-2-01", undefined],
      [status.INVALID_ARGUMENT, "INVALID_FIELD"],
      [path, undefined, undefined],
      [status.UNAUTHENTICATED, "UNAUTHENTICATED"],
    ]);
    await bare.close();
  });
});
