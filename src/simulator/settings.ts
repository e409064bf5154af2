/** What a test may switch about a simulator; `reset` brings the defaults back. */
export interface Settings {
  /** Whether answers with status 4xx and 5xx are signed. Clients must not rely on either. */
  signErrors: boolean;
  /** Signature errors in the layout seen in 2025, with the issue in `detail.detail`. */
  nestedSignErrors: boolean;
  /** Whether a nonce that a merchant has used before is refused. */
  refuseNonceReuse: boolean;
  /** Whether two refunds of one order must be a minute apart. */
  refundSpacing: boolean;
  /** Closing a number that was never created: 204, and the number is burnt; or 404. */
  closeUnknown: "burn" | "not-found";
  /** Whether answers to callbacks with another 2xx than 200 and 204 count as success. */
  acceptOther2xx: boolean;
  /** How long an endpoint has to answer a callback; real milliseconds. */
  callbackTimeoutMs: number;
  /** The host in `download_url`: WeChat Pay's own, or where this simulator listens. */
  downloadHost: "official" | "simulator";
  /** How NO_STATEMENT_EXIST is answered. */
  noStatementStatus: 400 | 404;
  /** Numbers in summaries of bills: `45.0` and `0.47`, or `45` and `0.47000`. */
  summaryNumbers: "short" | "plain";
}

/** An endpoint has five seconds. */
const CALLBACK_TIMEOUT_MS = 5_000;

export function defaultSettings(): Settings {
  return {
    signErrors: true,
    nestedSignErrors: false,
    refuseNonceReuse: false,
    refundSpacing: true,
    closeUnknown: "burn",
    acceptOther2xx: false,
    callbackTimeoutMs: CALLBACK_TIMEOUT_MS,
    downloadHost: "official",
    noStatementStatus: 400,
    summaryNumbers: "short",
  };
}

/** The values of settings that aren't free. */
export const SETTING_CHOICES: Readonly<Record<string, readonly unknown[]>> = {
  closeUnknown: ["burn", "not-found"],
  downloadHost: ["official", "simulator"],
  noStatementStatus: [400, 404],
  summaryNumbers: ["short", "plain"],
};
