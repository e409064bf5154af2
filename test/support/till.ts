/**
 * The whole way of money: the service behind its real gRPC server, a merchant, callbacks over HTTP, and the
 * simulator in WeChat Pay's place.
 */
import type { MikroORM } from "@mikro-orm/mysql";
import { openReconciler } from "../../src/bills.ts";
import type { OrderId } from "../../src/billing/id.ts";
import {
  OrderServiceService as service,
  type CreateOrderResponse,
  type GetOrderResponse,
} from "../../src/gen/billing/order/v1/order_service.ts";
import { Channel } from "../../src/gen/billing/order/v1/order.ts";
import type { PaymentChecker } from "../../src/job/payment-checker.ts";
import type { DatabaseFlavour } from "../../src/local/database.ts";
import { freePort } from "../../src/local/port.ts";
import { openPayments, type Payments, type PaymentsObserver } from "../../src/payments.ts";
import {
  startSimulator,
  type Simulator,
  type SimulatorOptions,
} from "../../src/simulator/index.ts";
import { classify } from "../../src/store/mysql-error.ts";
import { createOrderReader } from "../../src/store/order-reader.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import type { WechatOptions } from "../../src/wechat/options.ts";
import { TEST_SEALER, unique } from "./bank.ts";
import { keepingLog } from "./service.ts";
import { startTestService, type TestService, type TestServiceOptions } from "./service.ts";

export const NOTIFY_PATH = "/wechat/notify";

export interface Till {
  readonly simulator: Simulator;
  readonly service: TestService;
  readonly payments: Payments;
  /** Runs a round only when it is asked to. */
  readonly checker: PaymentChecker;
  readonly merchant: WechatOptions;
  /** What the payments' observer was told of, by its call. */
  readonly told: { readonly call: string; readonly facts: readonly unknown[] }[];
  /** As an operator who has changed the merchant's configuration: what runs ends, and starts with it. */
  restart(wechat: Partial<WechatOptions>): Promise<void>;
  /** A registered user. */
  user(): Promise<string>;
  /** An order for a month, by QR code. */
  order(
    userId: string,
    more?: Partial<Parameters<typeof orderOf>[1]>,
  ): Promise<CreateOrderResponse>;
  get(orderId: string): Promise<GetOrderResponse>;
  /** Resolves when the condition holds; it's asked again and again. */
  until(condition: () => Promise<boolean>): Promise<void>;
  /** Moves the service's and the simulator's time together. */
  advance(ms: number): Promise<void>;
  balance(userId: string): Promise<bigint>;
  close(): Promise<void>;
}

export interface TillOptions {
  readonly service?: TestServiceOptions;
  readonly simulator?: SimulatorOptions;
  readonly wechat?: Partial<WechatOptions>;
  readonly callbackPort?: number;
  /** In place of the one that notes. */
  readonly observer?: PaymentsObserver;
}

/** Rounds of the checker come when a test asks for them. */
const NEVER_MS = 2 ** 31 - 1;

export const orderOf = (userId: string, more: object) => ({
  idempotencyKey: unique("order-key"),
  userId,
  product: { $case: "planId" as const, value: "membership-monthly" },
  quantity: undefined as number | undefined,
  channel: Channel.NATIVE,
  payerOpenid: "",
  clientIp: "",
  validateOnly: false,
  ...more,
});

export async function openTill(flavour: DatabaseFlavour, options: TillOptions = {}): Promise<Till> {
  const simulator = await startSimulator(options.simulator);
  const port = options.callbackPort ?? (await freePort());
  const merchant = { ...merchantOf(simulator, port), ...options.wechat };
  const told: Till["told"] = [];
  let shiftMs = 0;
  const now = () => Date.now() + shiftMs;
  let payments: Payments | undefined;
  // The cashier is wanted by the server before the till can have it: it's looked up when it's called.
  const cashier = new Proxy(
    {},
    { get: (_, name) => payments!.cashier[name as keyof Payments["cashier"]] },
  );
  let orm: MikroORM | undefined;
  const testService = await startTestService(flavour, {
    ...options.service,
    cashier: () => cashier as Payments["cashier"],
    reconciler: (ownBank, itsOrm) => ({
      reconcile: (command, signal) =>
        openReconciler(payments!.bills, itsOrm, ownBank.context).reconcile(command, signal),
    }),
    now,
  });
  const { bank } = testService;
  orm = await openOrm({ url: bank.url, poolMax: 8 });
  const open = async (wechat: WechatOptions) =>
    openPayments({
      merchant: wechat,
      orm,
      context: bank.context,
      sealer: TEST_SEALER,
      teller: bank.teller,
      reader: createOrderReader(orm, TEST_SEALER),
      log: keepingLog().log,
      observer: options.observer ?? noting(told),
      now,
      callback: { host: "127.0.0.1", port },
      checkIntervalMs: NEVER_MS,
    });
  payments = await open(merchant);
  const checker = payments.startChecking();
  const get = (orderId: string) => testService.call(service.getOrder, { orderId });
  return {
    simulator,
    service: testService,
    get payments() {
      return payments!;
    },
    checker,
    merchant,
    told,
    async restart(wechat) {
      await payments!.close();
      payments = await open({ ...merchant, ...wechat });
    },
    user: async () => bank.member(0),
    order: (userId, more = {}) => testService.call(service.createOrder, orderOf(userId, more)),
    get,
    until,
    async advance(ms) {
      shiftMs += ms;
      bank.advance(ms);
      await simulator.clock.advance(ms);
    },
    async balance(userId) {
      const [row] = await bank.sql(
        `select quota_remaining as n from users where user_id = '${userId}'`,
      );
      return BigInt(row!["n"] as string);
    },
    async close() {
      await payments?.close();
      await testService.close();
      if (orm) await closeOrm(orm);
      await simulator.close();
    },
  };
}

export function merchantOf({ url, merchant }: Simulator, callbackPort: number): WechatOptions {
  return {
    appid: merchant.appid,
    mchid: merchant.mchid,
    merchantSerial: merchant.serial,
    merchantPrivateKey: merchant.privateKeyPem,
    apiV3Key: merchant.apiV3Key,
    publicKey: { id: merchant.publicKeyId, pem: merchant.publicKeyPem },
    certificates: true,
    notifyUrl: `http://127.0.0.1:${callbackPort}${NOTIFY_PATH}`,
    baseUrls: [url],
  };
}

export function noting(told: Till["told"]): PaymentsObserver {
  const note =
    (call: string) =>
    (...facts: readonly unknown[]) =>
      void told.push({ call, facts });
  return {
    answered: note("answered"),
    alarming: note("alarming"),
    postponed: note("postponed"),
    checked: note("checked"),
    failed: note("failed"),
    attempted: note("attempted"),
    signed: note("signed"),
    opened: note("opened"),
  };
}

const POLL_MS = 20;

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

/**
 * What is to be asked about later is due now. Whoever works on it may win against this: then it is said
 * again.
 */
export async function makeDue(sql: (text: string) => Promise<unknown>): Promise<void> {
  const now = "utc_timestamp(3)";
  for (const statement of [
    `update orders set next_check_time = ${now} where next_check_time > ${now}`,
    `update refunds set next_check_time = ${now} where next_check_time > ${now}`,
    `update payment_inbox set next_try_time = ${now} where next_try_time > ${now}`,
  ]) {
    for (let isDone = false; !isDone; ) {
      isDone = await sql(statement).then(
        () => true,
        (fault: unknown) => {
          if (classify(fault) !== "deadlock") throw fault;
          return false;
        },
      );
    }
  }
}

export const orderIdOf = (response: { order?: { orderId: string } | undefined }): OrderId =>
  response.order!.orderId as OrderId;
