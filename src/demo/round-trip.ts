/** One visible round trip through the real client: reserve and commit, reserve and refund. */
import { connect, type BillingClient } from "../client/client.ts";
import type { DemoIdentities } from "./identities.ts";

type Say = (line: string) => void;

/** What the round trip left behind, for the lines that can be pasted. */
export interface RoundTrip {
  readonly userId: string;
  readonly reservationId: string;
}

/** Costs little and allows many uses: it can be tried again and again. */
export const DEMO_FEATURE = "image_background_removal";
/** Costs more and shows its limits: three an hour, ten a day, ten minutes apart. */
const VIDEO_FEATURE = "ai_video_generation";

/**
 * Goes through the whole life of two reservations of a new user, saying what happens.
 * @throws BillingError when the server says no
 */
export async function roundTrip(
  address: string,
  { tokens }: DemoIdentities,
  say: Say,
): Promise<RoundTrip> {
  const storefront = connect({ address, token: tokens.storefront });
  const pipeline = connect({ address, token: tokens.pipeline });
  // A new user at each start: the trial's quota and the cooldown are as if nothing had been before.
  const userId = `demo-${Date.now().toString(36)}`;
  try {
    const { membership, grantedAmount } = await storefront.registerUser({
      idempotencyKey: `register-${userId}`,
      userId,
    });
    const until = membership.expireTime?.toISOString().slice(0, 10) ?? "?";
    say(`registered  ${userId}: trial until ${until}, ${grantedAmount} quota`);
    await commitOne(pipeline, userId, say);
    const reservationId = await refundOne(pipeline, userId, say);
    return { userId, reservationId };
  } finally {
    storefront.close();
    pipeline.close();
  }
}

async function commitOne(pipeline: BillingClient, userId: string, say: Say): Promise<void> {
  const held = await pipeline.reserve({
    idempotencyKey: `reserve-video-${userId}`,
    userId,
    featureId: VIDEO_FEATURE,
    taskId: `video-${userId}`,
  });
  const { reservationId, amount } = held.reservation;
  say(`reserved    ${amount} for ${VIDEO_FEATURE}, ${balanceText(held.balance)}`);
  const { balance } = await pipeline.commit({ idempotencyKey: `commit-${userId}`, reservationId });
  say(`committed   the task is done, ${balanceText(balance)}`);
}

async function refundOne(pipeline: BillingClient, userId: string, say: Say): Promise<string> {
  const held = await pipeline.reserve({
    idempotencyKey: `reserve-image-${userId}`,
    userId,
    featureId: DEMO_FEATURE,
    taskId: `image-${userId}`,
    quantity: 2,
  });
  const { reservationId, amount } = held.reservation;
  say(`reserved    ${amount} for ${DEMO_FEATURE}, ${balanceText(held.balance)}`);
  const { balance } = await pipeline.refund({
    idempotencyKey: `refund-${userId}`,
    reservationId,
    reason: "STEP_FAILED",
    failedStep: "remove_background",
  });
  say(`refunded    the step failed, ${balanceText(balance)}`);
  return reservationId;
}

function balanceText({ available, held }: { available: bigint; held: bigint }): string {
  return `balance now ${available} available, ${held} held`;
}
