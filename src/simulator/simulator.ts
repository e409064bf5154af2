import { randomInt } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { BillFault } from "./bill-faults.ts";
import type { CallbackFaults } from "./callback-faults.ts";
import type { Cashier } from "./cashier.ts";
import { SimulatedClock } from "./clock.ts";
import { createControl } from "./control.ts";
import { craft, type Crafted } from "./crafted.ts";
import type { NamedKey } from "./envelope.ts";
import type { RequestFaults } from "./faults.ts";
import { createApiServer } from "./http-server.ts";
import type { CallbackOutcome, JournalEntry } from "./journal.ts";
import { KeyRing, newKeyMaterial, type KeyMaterial, type KeyMode } from "./keys.ts";
import { makeMerchant, type Merchant, type MerchantOptions } from "./merchant.ts";
import type { Order, TradeState } from "./order.ts";
import { Random } from "./random.ts";
import type { Refund, RefundOutcome } from "./refund.ts";
import type { Settings } from "./settings.ts";
import { createWorld, type World } from "./world.ts";

export interface SimulatorOptions {
  /** Loopback unless given: who reaches the control endpoints rules the simulator. */
  readonly host?: string;
  /** Any free port unless given. */
  readonly port?: number;
  /** One, made up, unless given. */
  readonly merchants?: readonly MerchantOptions[];
  /** `mixed` unless given. */
  readonly keyMode?: KeyMode;
  /** Repeats numbers, nonces and chances; keys are random in any case. */
  readonly seed?: number;
  /** The simulated time at the start, from which it runs on; real time unless given. */
  readonly startTimeMs?: number;
  /** WeChat Pay's own keys; new ones unless given. */
  readonly keys?: KeyMaterial;
}

/** All that a merchant knows and gets from the merchant platform. */
export interface MerchantFacts {
  readonly mchid: string;
  readonly appid: string;
  readonly apiV3Key: string;
  readonly privateKeyPem: string;
  readonly certificatePem: string;
  /** Of the merchant's certificate. */
  readonly serial: string;
  /** From the oldest to the newest; none that has expired. */
  readonly platformCertificates: readonly { readonly serial: string; readonly pem: string }[];
  readonly publicKeyId: string;
  readonly publicKeyPem: string;
}

export interface Simulator {
  /** In place of https://api.mch.weixin.qq.com */
  readonly url: string;
  /** The first merchant. */
  readonly merchant: MerchantFacts;
  readonly merchants: readonly MerchantFacts[];
  readonly clock: Pick<SimulatedClock, "now" | "advance" | "freeze" | "resume" | "set">;
  readonly user: Cashier;
  readonly faults: RequestFaults & { readonly callbacks: CallbackFaults };
  readonly refunds: {
    /** How refunds end, and when. @param outRefundNo or "default" */
    script(outRefundNo: string, outcome: RefundOutcome, afterMs?: number): void;
    all(): readonly Refund[];
  };
  readonly orders: {
    find(name: string): Order | null;
    all(): readonly Order[];
    force(outTradeNo: string, state: TradeState): void;
  };
  readonly keys: {
    /** A new certificate joins, and both sign from now on. @returns its serial */
    rotateCertificate(): Promise<string>;
    retireOldCertificates(): void;
    newCertificateShare(fraction: number): void;
    callbackPublicKeyShare(fraction: number): void;
    mode(mode: KeyMode): void;
    /** The keys that sign at present. */
    signing(): readonly NamedKey[];
    material(): KeyMaterial;
  };
  readonly balance: {
    /** @param mchid the first merchant unless given */
    setFen(fen: bigint, mchid?: string): void;
    fen(mchid?: string): bigint;
  };
  readonly bills: { corrupt(fault: BillFault, times?: number): void };
  readonly settings: Settings;
  readonly journal: readonly JournalEntry[];
  /** Sends a callback of a test's making, rightly signed unless it says otherwise. */
  deliver(crafted: Crafted): Promise<CallbackOutcome>;
  /** Resolves when nothing that is due waits and no delivery is under way. */
  idle(): Promise<void>;
  /** Forgets everything but the keys, the merchants and the key mode; the time is as at the start. */
  reset(): void;
  close(): Promise<void>;
}

const SEED_MAX = 2 ** 32;

export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { host = "127.0.0.1", port = 0, startTimeMs, keyMode = "mixed" } = options;
  const random = new Random(options.seed ?? randomInt(SEED_MAX));
  const nowMs = startTimeMs ?? Date.now();
  const material = options.keys ?? (await newKeyMaterial(random, nowMs));
  const keys = new KeyRing(material, keyMode, random);
  const wanted = options.merchants ?? [{}];
  if (wanted.length === 0) throw new RangeError("a simulator has at least one merchant");
  const made: Merchant[] = [];
  for (const each of wanted) made.push(await makeMerchant(each, material.authority, random, nowMs));
  const clock = new SimulatedClock(nowMs, (error) => {
    queueMicrotask(() => {
      throw error;
    });
  });
  const merchants = new Map(made.map((merchant) => [merchant.mchid, merchant]));
  const lasting = { clock, random, keys, merchants, url: () => own.url };
  const own: { world: World; url: string } = { world: createWorld(lasting), url: "" };
  let over = new AbortController();
  rotateInTime(own.world, over.signal);
  const server = createApiServer(
    () => own.world,
    createControl(() => simulator),
  );
  const simulator = facade(own, {
    reset() {
      over.abort();
      over = new AbortController();
      end(own.world);
      random.restart();
      clock.set(startTimeMs ?? Date.now(), false);
      own.world = createWorld(lasting);
      rotateInTime(own.world, over.signal);
    },
    async close() {
      over.abort();
      end(own.world);
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  });
  server.listen(port, host);
  await once(server, "listening");
  own.url = `http://${host.includes(":") ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`;
  return simulator;
}

/** Certificates get their successors by themselves as time goes by. */
function rotateInTime(world: World, over: AbortSignal): void {
  const { clock, keys } = world;
  clock.at(keys.rotationMs, async () => {
    await keys.rotateCertificate(clock.now(), over);
    // The time has gone back meanwhile: what was made for the other time is nobody's.
    if (!over.aborted) rotateInTime(world, over);
  });
}

function end(world: World): void {
  world.clock.clear();
  world.callbacks.stop();
  world.faults.clear();
}

function facade(
  own: { world: World; readonly url: string },
  ends: Pick<Simulator, "reset" | "close">,
): Simulator {
  const first = (): Merchant => {
    const [merchant] = own.world.merchants.values();
    if (merchant === undefined) throw new Error("a simulator has at least one merchant");
    return merchant;
  };
  return {
    ...ends,
    get url() {
      return own.url;
    },
    get merchant() {
      return factsOf(own.world, first());
    },
    get merchants() {
      return [...own.world.merchants.values()].map((merchant) => factsOf(own.world, merchant));
    },
    get clock() {
      return own.world.clock;
    },
    get user() {
      return own.world.cashier;
    },
    get faults() {
      return Object.assign(own.world.faults, { callbacks: own.world.callbackFaults });
    },
    get refunds() {
      return own.world.refunds;
    },
    get orders() {
      return own.world.orders;
    },
    get keys() {
      return keyKnobs(own.world);
    },
    balance: {
      setFen: (fen, mchid = first().mchid) =>
        own.world.ledger.setBalance(mchid, fen, own.world.clock.now()),
      fen: (mchid = first().mchid) => own.world.ledger.balanceFen(mchid),
    },
    get bills() {
      return own.world.bills;
    },
    get settings() {
      return own.world.settings;
    },
    get journal() {
      return own.world.journal.entries;
    },
    deliver: (crafted) =>
      own.world.callbacks.deliver(crafted.url, craft(own.world, first(), crafted), crafted.eventType),
    idle: () => own.world.clock.settled(),
  };
}

function keyKnobs({ keys, clock }: World): Simulator["keys"] {
  return {
    rotateCertificate: () => keys.rotateCertificate(clock.now()),
    retireOldCertificates: () => keys.retireOldCertificates(clock.now()),
    newCertificateShare(fraction) {
      keys.newCertificateShare = fraction;
    },
    callbackPublicKeyShare(fraction) {
      keys.callbackPublicKeyShare = fraction;
    },
    mode(mode) {
      keys.mode = mode;
    },
    signing() {
      const certificates = keys.mode === "public-key" ? [] : keys.certificates(clock.now());
      return keys.mode === "certificate" ? certificates : [...certificates, keys.publicKey];
    },
    material: () => keys.material(),
  };
}

function factsOf({ keys, clock }: World, merchant: Merchant): MerchantFacts {
  const { mchid, appid, apiV3Key, privateKeyPem, certificatePem, serial } = merchant;
  const certificates = keys.certificates(clock.now());
  return {
    mchid,
    appid,
    apiV3Key,
    privateKeyPem,
    certificatePem,
    serial,
    platformCertificates: certificates.map((key) => ({ serial: key.id, pem: key.certificatePem ?? "" })),
    publicKeyId: keys.publicKey.id,
    publicKeyPem: keys.publicKeyPem,
  };
}
