/**
 * Platform certificates: downloaded, decrypted and kept fresh (documentation: "平台证书", "下载平台证书").
 * The answer that brings them is signed by a key that we hold, or by one that it brings itself: the very
 * first has nothing else, and after a long silence of ours all keys may have changed. What makes the list
 * trustworthy is its encryption under the APIv3 key, whose tag is checked before anything of it is used.
 */
import { X509Certificate, type KeyObject } from "node:crypto";
import { z } from "zod";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../billing/clock.ts";
import { GatewayFault } from "../billing/order/gateway.ts";
import type { Log } from "../telemetry/observer.ts";
import { isCode } from "./error-code.ts";
import type { Answer } from "./exchange.ts";
import { platformCertificate, type KeyRing, type PlatformCertificate } from "./key-ring.ts";
import { rsaKey } from "./options.ts";
import { SealBroken, unseal } from "./sealing.ts";
import { checkSignature } from "./signature.ts";
import { parseJson } from "./trade-schema.ts";
import type { Reply, Verify } from "./transport.ts";

/** As often as WeChat Pay's own libraries do; a new certificate is in the list a day before it signs. */
const REFRESH_MS = HOUR_MS;
/** Names of unknown keys cost an attacker nothing: they cause no more than one download in this time. */
export const UNKNOWN_SERIAL_WINDOW_MS = MINUTE_MS;
/** After a download that failed, the next one may come sooner. */
const FAILED_WINDOW_MS = 5 * SECOND_MS;
/** And by itself it's tried again after this time. */
const RETRY_MS = MINUTE_MS;
/** Two during a change; more than a few would be no list of theirs. */
const CERTIFICATES_MAX = 20;

const list = z.object({
  data: z
    .array(
      z.object({
        serial_no: z.string().max(64),
        encrypt_certificate: z.object({
          algorithm: z.literal("AEAD_AES_256_GCM"),
          nonce: z.string().max(64),
          associated_data: z.string().max(64).nullish(),
          ciphertext: z.string(),
        }),
      }),
    )
    .min(1)
    .max(CERTIFICATES_MAX),
});

export interface KeeperOptions {
  readonly ring: KeyRing;
  readonly apiV3Keys: readonly Buffer[];
  readonly now: () => number;
  readonly log: Log;
  /** Asks for the list; the answer is to be checked by the `Verify`. */
  download(verify: Verify): Promise<Reply>;
}

export class CertificateKeeper {
  readonly #options: KeeperOptions;
  #running: Promise<boolean> | null = null;
  #lastByWishMs = Number.NEGATIVE_INFINITY;
  #windowMs = UNKNOWN_SERIAL_WINDOW_MS;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Downloads now, and again every hour. */
  start(): void {
    void this.refresh();
  }

  /** Stops, and waits for the download that is under way, which its signal ends. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** The key of this serial number; an unknown one makes us look again, once a minute at most. */
  async findKey(serial: string): Promise<KeyObject | undefined> {
    const { ring, now } = this.#options;
    const known = ring.find(serial, now());
    if (known !== undefined) return known;
    if (this.#running === null) {
      const sinceMs = now() - this.#lastByWishMs;
      // A clock that was set back must not keep the window shut.
      if (sinceMs >= 0 && sinceMs < this.#windowMs) return undefined;
      this.#lastByWishMs = now();
    }
    const succeeded = await this.refresh();
    this.#windowMs = succeeded ? UNKNOWN_SERIAL_WINDOW_MS : FAILED_WINDOW_MS;
    return ring.find(serial, now());
  }

  /** Whether it succeeded. Never throws; one download at a time. */
  refresh(): Promise<boolean> {
    this.#running ??= this.#refresh().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #refresh(): Promise<boolean> {
    if (this.#closed) return false;
    clearTimeout(this.#timer);
    const { log, ring } = this.#options;
    let succeeded = false;
    try {
      const fresh = await this.#download();
      if (fresh !== null) ring.replaceCertificates(fresh);
      succeeded = true;
    } catch (error) {
      if (!this.#closed) log.warn({ err: error }, "platform certificates could not be downloaded");
    }
    if (!this.#closed) {
      this.#timer = setTimeout(() => void this.refresh(), succeeded ? REFRESH_MS : RETRY_MS);
      this.#timer.unref();
    }
    return succeeded;
  }

  /** Null where WeChat Pay has none for this merchant: an error isn't signed, so what is held stays. */
  async #download(): Promise<readonly PlatformCertificate[] | null> {
    const { download, ring, now, log } = this.#options;
    let fresh: readonly PlatformCertificate[] = [];
    const reply = await download(async (answer: Answer) => {
      fresh = this.#open(answer.body);
      const findKey = (serial: string) =>
        ring.find(serial, now()) ?? fresh.find((one) => one.serial === serial)?.key;
      return checkSignature(answer.header, answer.body, findKey, now);
    });
    if (reply.kind === "error" && isCode(reply, "RESOURCE_NOT_EXISTS")) {
      log.info({}, "WeChat Pay has no platform certificates for this merchant");
      return null;
    }
    if (reply.kind === "error") {
      throw new GatewayFault("provider-error", `no platform certificates: ${reply.code}`);
    }
    return fresh;
  }

  /** @throws GatewayFault "untrusted" */
  #open(body: Buffer): readonly PlatformCertificate[] {
    const { data } = list.safeParse(parseJson(body));
    if (data === undefined) throw new GatewayFault("untrusted", "no list of certificates");
    const nowMs = this.#options.now();
    return data.data
      .map(({ serial_no, encrypt_certificate: { ciphertext, nonce, associated_data } }) => {
        const sealed = { ciphertext, nonce, associatedData: associated_data ?? "" };
        const certificate = this.#parse(() => unseal(this.#options.apiV3Keys, sealed));
        if (certificate.serial !== serial_no.toUpperCase()) {
          throw new GatewayFault("untrusted", "a certificate under another serial number");
        }
        return certificate;
      })
      .filter(({ expireTimeMs }) => expireTimeMs > nowMs);
  }

  #parse(pem: () => Buffer): PlatformCertificate {
    try {
      const parsed = new X509Certificate(pem());
      if (rsaKey(() => parsed.publicKey) === null) throw new TypeError("its key is not RSA");
      return platformCertificate(parsed);
    } catch (error) {
      const what = error instanceof SealBroken ? "can't be decrypted" : "is none";
      throw new GatewayFault("untrusted", `a platform certificate ${what}`, { cause: error });
    }
  }
}
