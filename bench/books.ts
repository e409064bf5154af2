/** What the load, the servers and the seeded books have to agree on. */

/** A feature of one quota unit a use and without limits: the load shall be refused by nothing. */
export const FEATURE_ID = "bench_feature";
/** Each task is tried once. */
export const ATTEMPT = 1;

/** Ten million users have ids of one length, so that their order is that of their numbers. */
export const USER_DIGITS = 7;

/** The id of a user by number, from 0; ids are in the order of the numbers. */
export function userIdOf(number: number): string {
  return `u${String(number).padStart(USER_DIGITS, "0")}`;
}

/** More than any run can spend. */
export const GRANTED_AMOUNT = 1_000_000_000n;
