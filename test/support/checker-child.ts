/**
 * A server that asks WeChat Pay when it is told to, to be killed while it does: each request is one round of a checker
 * of its own, or one CloseOrder, so that many of them can stand still at one time.
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { createCashier } from "../../src/billing/order/cashier.ts";
import { startPaymentChecker } from "../../src/job/payment-checker.ts";
import { MINUTE_MS } from "../../src/billing/clock.ts";
import { createIdSource, type OrderId } from "../../src/billing/id.ts";
import { createBatchRunner, NO_SECOND_LAYER } from "../../src/store/batch-runner.ts";
import { createCatalogCache } from "../../src/store/catalog-cache.ts";
import { createDueFinder } from "../../src/store/due-finder.ts";
import { openOrm } from "../../src/store/orm.ts";
import { createOrderReader } from "../../src/store/order-reader.ts";
import { createTeller } from "../../src/store/teller.ts";
import { createGateway } from "../../src/wechat/gateway.ts";
import type { WechatOptions } from "../../src/wechat/options.ts";
import { TEST_SEALER } from "./bank.ts";
import { keepingLog } from "./service.ts";
import { noting } from "./till.ts";

export interface CheckerChildOptions {
  readonly databaseUrl: string;
  readonly merchant: WechatOptions;
  readonly lanes: number;
}

export type Task =
  | { readonly kind: "check"; readonly nowMs: number }
  | { readonly kind: "close"; readonly orderId: OrderId; readonly key: string };

/** Connections besides those of the lanes, for what reads and for what takes what is due. */
const READERS = 48;

const options = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as CheckerChildOptions;
const { databaseUrl, merchant, lanes } = options;
const context = {
  ids: createIdSource(Math.random),
  timeOf: (databaseMs: number) => databaseMs,
  refundWindowMs: 0,
  catalogAt: createCatalogCache(),
  sealer: TEST_SEALER,
};
const observer = noting([]);
const orm = await openOrm({
  url: databaseUrl,
  poolMax: lanes + READERS,
  severalStatements: true,
  // What stands still must not be given up before the kill.
  statementTimeoutMs: 10 * MINUTE_MS,
});
const teller = createTeller(
  createBatchRunner(orm, context, NO_SECOND_LAYER, { served() {}, retried() {}, failed() {} }),
  { lanes, batchMax: 256, queueMax: 1_000, observer: { queued() {}, overloaded() {} } },
);
const gateway = createGateway(merchant, { log: keepingLog().log, observer });

async function run(task: Task): Promise<void> {
  // A reader has few reads under way at one time, and some of them stand still.
  const parts = { teller, reader: createOrderReader(orm, TEST_SEALER), gateway };
  if (task.kind === "close") {
    const input = { orderId: task.orderId, reason: "a test", source: "CALL" } as const;
    const caller = { name: "test" };
    await createCashier(parts).closeOrder({
      input,
      idempotencyKey: task.key,
      caller,
      validateOnly: false,
    });
    return;
  }
  const rounds = Promise.withResolvers<void>();
  const checker = startPaymentChecker({
    parts,
    finder: createDueFinder(orm, context),
    retryNotices: async () => 0,
    now: () => task.nowMs,
    intervalMs: 2 ** 31 - 1,
    observer: {
      ...observer,
      checked: () => rounds.resolve(),
      failed: (subjectId, fault) => rounds.reject(new Error(subjectId, { cause: fault })),
    },
  });
  await rounds.promise;
  await checker.stop();
}

const server = createServer((request, response) => {
  void json(request)
    .then((task) => run(task as Task))
    .then(
      () => response.end("{}"),
      (fault: unknown) => {
        console.error(fault);
        response.statusCode = 500;
        response.end("{}");
      },
    );
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify(server.address())));
