import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import type { ReserveQuotaRequest } from "../../src/gen/billing/quota/v1/quota_service.ts";
import { QuotaServiceService as Quota } from "../../src/gen/billing/quota/v1/quota_service.ts";
import { UNANSWERED_MAX } from "../../src/wire/process-quota.ts";
import { unique } from "../support/bank.ts";
import { startBareServer, type BareServer } from "../support/bare-server.ts";
import { assertRefused, assertTold, readStatus, toldBy } from "../support/calls.ts";
import { holdCommands, type HeldTeller } from "../support/held-teller.ts";
import { commitOf, refundOf, reserveOf } from "../support/requests.ts";
import { flavours } from "../support/servers.ts";
import { startTestService, tokenOf, type TestService } from "../support/service.ts";
import { StreamCaller } from "../support/stream-caller.ts";

const reserve = (value: ReserveQuotaRequest, correlationId = unique("c")) => ({
  correlationId,
  operation: { $case: "reserve" as const, value },
});

for (const flavour of flavours()) {
  describe(`ProcessQuota on ${flavour}`, () => {
    let service: TestService;
    before(async () => {
      service = await startTestService(flavour);
    });
    after(() => service.close());
    const open = () => new StreamCaller(service.caller, { token: tokenOf("pipeline") });

    it("reserves, commits and refunds over one stream, each as its unary method", async () => {
      const stream = open();
      const userId = await service.bank.member(10);
      const request = reserveOf(userId, { quantity: 3 });
      const { result: held } = await stream.ask(reserve(request));
      assert.equal(held?.$case, "reserve");
      const unary = await service.call(Quota.reserveQuota, request);
      assert.deepEqual(unary, { ...held.value, replayed: true });
      const { reservationId } = held.value.reservation!;
      const commit = {
        $case: "commit" as const,
        value: commitOf(reservationId, { actualAmount: 2n }),
      };
      const { result: settled } = await stream.ask({ correlationId: "2", operation: commit });
      assert.equal(settled?.$case, "commit");
      assert.equal(settled.value.reservation?.committedAmount, 2n);
      const refund = { $case: "refund" as const, value: refundOf(reservationId) };
      const { result: back } = await stream.ask({ correlationId: "3", operation: refund });
      assert.equal(back?.$case, "refund");
      assert.equal(back.value.balance?.available, 10n);
      assert.equal((await stream.end()).code, status.OK);
    });

    it("answers a refused operation with the status of the unary call, and goes on", async () => {
      const stream = open();
      const request = reserveOf("nobody");
      const { result } = await stream.ask(reserve(request));
      assert.equal(result?.$case, "error");
      const told = readStatus(result.value);
      assertTold(told, "USER_NOT_FOUND", { userId: "nobody" });
      assert.deepEqual(told, await toldBy(service.call(Quota.reserveQuota, request)));
      const bad = await stream.ask(reserve(reserveOf("!", { quantity: 0 })));
      assert.equal(bad.result?.$case, "error");
      assert.deepEqual(readStatus(bad.result.value).fields, [
        "reserve.user_id",
        "reserve.quantity",
      ]);
      const good = await stream.ask(reserve(reserveOf(await service.bank.member(5))));
      assert.equal(good.result?.$case, "reserve");
      assert.equal((await stream.end()).code, status.OK);
    });

    it("answers everything that was sent before the caller's end, and then ends", async () => {
      const stream = open();
      const userId = await service.bank.member(600);
      for (let at = 0; at < 3_000; at++) stream.send(reserve(reserveOf(userId)));
      assert.equal((await stream.end()).code, status.OK);
      const kinds = stream.results.map(({ result }) => result!.$case);
      assert.equal(kinds.filter((kind) => kind === "reserve").length, 600);
      assert.equal(kinds.length, 3_000);
      assert.equal(new Set(stream.results.map(({ correlationId }) => correlationId)).size, 3_000);
    });

    it("makes one reservation of one key, through a stream and unary calls at once", async () => {
      const stream = open();
      const userId = await service.bank.member(10);
      const request = reserveOf(userId);
      const answers = await Promise.all([
        ...Array.from({ length: 20 }, () =>
          stream.ask(reserve(request)).then(({ result }) => result?.value),
        ),
        ...Array.from({ length: 20 }, () => service.call(Quota.reserveQuota, request)),
      ]);
      const ids = answers.map(
        (answer) =>
          (answer as { reservation: { reservationId: string } }).reservation.reservationId,
      );
      assert.equal(new Set(ids).size, 1);
      assert.equal((await service.bank.reader.findBalance(userId))?.held, 1n);
      await stream.end();
    });
  });
}

describe("ProcessQuota's limits", () => {
  let bare: BareServer;
  let held: HeldTeller;
  beforeEach(async () => {
    held = holdCommands();
    const quota = { teller: held.teller, reader: {} as never };
    bare = await startBareServer({ quota });
  });
  afterEach(() => bare.close());
  const open = () => new StreamCaller(bare.caller, { token: tokenOf("pipeline") });
  /** What the server has read by then, it has taken up: both come over the same connection. */
  const roundTrip = () =>
    assertRefused(bare.caller.call(Quota.reserveQuota, reserveOf("u")), "UNAUTHENTICATED");

  it("an id of an unanswered operation is refused until that is answered", async () => {
    const stream = open();
    stream.send(reserve(reserveOf("u1"), "same"));
    await held.arrived(1);
    stream.send(reserve(reserveOf("u1"), "same"));
    const { correlationId, result } = await stream.next();
    assert.equal(correlationId, "same");
    assert.equal(result?.$case, "error");
    assert.deepEqual(readStatus(result.value).fields, ["correlation_id"]);
    held.commands[0]!.release();
    await stream.next();
    stream.send(reserve(reserveOf("u1"), "same"));
    await held.arrived(2);
    held.commands[1]!.release();
    assert.equal((await stream.end()).code, status.OK);
  });

  it("1024 operations are taken up and no more, until one of them is answered", async () => {
    const stream = open();
    for (let at = 0; at < UNANSWERED_MAX + 500; at++) stream.send(reserve(reserveOf("u1")));
    await held.arrived(UNANSWERED_MAX);
    for (let at = 0; at < 20; at++) await roundTrip();
    assert.equal(held.commands.length, UNANSWERED_MAX);
    held.commands[7]!.release();
    await held.arrived(UNANSWERED_MAX + 1);
    for (const command of held.commands) command.release();
    await held.arrived(UNANSWERED_MAX + 500);
    for (const command of held.commands) command.release();
    assert.equal((await stream.end()).code, status.OK);
    assert.equal(stream.results.length, UNANSWERED_MAX + 500);
  });

  it("a caller who doesn't read answers isn't read from either", async () => {
    const stream = open();
    const total = 6_000;
    stream.call.pause();
    let released = 0;
    const releaseAll = () => {
      for (; released < held.commands.length; released++) held.commands[released]!.release();
    };
    for (let at = 0; at < total; at++) stream.send(reserve(reserveOf("u1")));
    let seen = -1;
    let still = 0;
    while (still < 20) {
      releaseAll();
      await roundTrip();
      still = seen === held.commands.length ? still + 1 : 0;
      seen = held.commands.length;
    }
    assert.ok(seen < total / 2, `${seen} operations were taken up and nobody heard of them`);
    stream.call.resume();
    const ended = stream.end();
    for (let count = released; count < total; count = held.commands.length) {
      await held.arrived(count + 1);
      releaseAll();
    }
    assert.equal((await ended).code, status.OK);
    assert.equal(stream.results.length, total);
  });

  it("bytes that are no operation end the stream, after what came before is answered", async () => {
    const stream = open();
    stream.send(reserve(reserveOf("u1"), "before"));
    stream.sendBytes(Buffer.from("ffffffff", "hex"));
    await held.arrived(1);
    await roundTrip();
    held.commands[0]!.release();
    const { code } = await stream.ended;
    assert.equal(code, status.INVALID_ARGUMENT);
    assert.deepEqual(
      stream.results.map(({ correlationId }) => correlationId),
      ["before"],
    );
  });

  it("a stream that its caller gives up gives its waiting operations up", async () => {
    const stream = open();
    stream.send(reserve(reserveOf("u1")));
    await held.arrived(1);
    const { signal } = held.commands[0]!;
    const given = new Promise((resolve) => signal!.addEventListener("abort", resolve));
    stream.call.cancel();
    await given;
    assert.equal((signal!.reason as { reason: string }).reason, "CANCELLED");
    held.commands[0]!.release();
    await roundTrip();
    assert.equal(bare.server.openCalls(), 0);
  });

  it("a draining server answers what it took and ends the stream as DRAINING", async () => {
    const [busy, idle] = [open(), open()];
    busy.send(reserve(reserveOf("u1")));
    await held.arrived(1);
    idle.send({ correlationId: "x" });
    await idle.next();
    const drained = bare.server.drain();
    assert.equal((await idle.ended).code, status.UNAVAILABLE);
    held.commands[0]!.release();
    const { metadata, code } = await busy.ended;
    assert.equal(code, status.UNAVAILABLE);
    assert.equal(busy.results.length, 1);
    assert.ok(metadata.get("grpc-status-details-bin").length > 0);
    await drained;
  });
});
