/** Calls to paste into a terminal, for grpcurl and for buf, which npm has brought already. */
import type { DemoIdentities } from "./identities.ts";
import { DEMO_FEATURE, type RoundTrip } from "./round-trip.ts";

const QUOTA = "billing.quota.v1.QuotaService";

/** Lines that work as they are, in any POSIX shell; those with buf in the project's folder. */
export function pastedCalls(
  address: string,
  { tokens }: DemoIdentities,
  { userId, reservationId }: RoundTrip,
): string[] {
  const reserve = {
    idempotency_key: `try-${userId}`,
    user_id: userId,
    feature_id: DEMO_FEATURE,
    task_id: `try-${userId}`,
  };
  const calls: [string, keyof DemoIdentities["tokens"], object][] = [
    ["GetBalance", "storefront", { user_id: userId }],
    ["ReserveQuota", "pipeline", reserve],
    ["ExplainReservation", "operator", { reservation_id: reservationId }],
  ];
  const header = (role: keyof DemoIdentities["tokens"]) =>
    `-H 'authorization: Bearer ${tokens[role]}'`;
  return [
    "With grpcurl:",
    ...calls.map(
      ([method, role, request]) =>
        `  grpcurl -plaintext ${header(role)} ` +
        `-d '${JSON.stringify(request)}' ${address} ${QUOTA}/${method}`,
    ),
    "With buf, which is installed already (in this folder):",
    ...calls.map(
      ([method, role, request]) =>
        `  npx buf curl --protocol grpc --http2-prior-knowledge ${header(role)} ` +
        `-d '${JSON.stringify(request)}' http://${address}/${QUOTA}/${method}`,
    ),
  ];
}
