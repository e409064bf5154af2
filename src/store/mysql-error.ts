/** What a fault of the database means, whatever class the driver or MikroORM wraps it in. */

/**
 * - `deadlock`: the server rolled the whole transaction back in favour of another one
 * - `lock-wait`: a row stayed locked for too long; only the statement was rolled back
 * - `connection-lost`: the database can't be reached, went away, or isn't the one that takes
 *   writes; during COMMIT the outcome is unknown
 * - `duplicate-key`: a unique index has the row already
 * - `queue-full`: more callers wait for a connection than the pool takes
 * - `check`: a CHECK of the schema refused the row
 * - `other`: anything else, which is a bug until proven otherwise
 */
export type FaultKind =
  | "deadlock"
  | "lock-wait"
  | "connection-lost"
  | "duplicate-key"
  | "queue-full"
  | "check"
  | "other";

const KIND_BY_ERRNO: ReadonlyMap<number, FaultKind> = new Map([
  ...numbers("deadlock", [
    1213, // ER_LOCK_DEADLOCK; Galera's certification failure has it too
    1020, // MariaDB, ER_CHECKREAD: the row changed after the transaction's snapshot
    3101, // Group Replication rolled it back at COMMIT: another member's write came first
  ]),
  ...numbers("lock-wait", [
    1205, // ER_LOCK_WAIT_TIMEOUT; NOWAIT on MariaDB
    3572, // NOWAIT on MySQL
    3024, // MySQL: the statement took longer than max_execution_time
    1969, // MariaDB: the same
  ]),
  ...numbers("connection-lost", [
    1040, // too many connections
    1045, // the account isn't let in: its password was changed, or it comes without encryption
    1053, // the server is shutting down
    1077, // the server has shut down
    1152, // the connection was aborted
    1158, // the four network errors between server and client
    1159,
    1160,
    1161,
    1180, // the server failed during COMMIT: the outcome is unknown
    1184, // the server dropped the connection
    1203, // the account has too many connections
    1226, // the account has used up its allowance
    1290, // --read-only: no longer the primary
    1317, // the query was killed
    1792, // the transaction is read-only
    1836, // the server is in read-only mode
    1927, // MariaDB: the connection was killed
    2002, // the client's own numbers for a server that isn't there
    2003,
    2006,
    2013,
    2055,
    3159, // the server takes encrypted connections only
    3100, // Group Replication could not decide on the commit
    3169, // MySQL: the session was killed
    4031, // MySQL: the server closed an idle connection
  ]),
  ...numbers("duplicate-key", [1062, 1557, 1569, 1586]),
  ...numbers("check", [
    3819, // MySQL
    4025, // MariaDB
  ]),
]);

const KIND_BY_CODE: ReadonlyMap<string, FaultKind> = new Map(
  [
    "PROTOCOL_CONNECTION_LOST",
    "PROTOCOL_SEQUENCE_TIMEOUT",
    "PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR",
    "PROTOCOL_ENQUEUE_AFTER_QUIT",
    "ECONNREFUSED",
    "ECONNRESET",
    "ECONNABORTED",
    "ETIMEDOUT",
    "EPIPE",
    "EHOSTUNREACH",
    "EHOSTDOWN",
    "ENETUNREACH",
    "ENETDOWN",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ENOENT", // the Unix socket of a server that isn't there
    "POOL_CLOSED",
    "HANDSHAKE_SSL_ERROR", // a certificate that isn't trusted: whoever answers isn't talked to
    "HANDSHAKE_NO_SSL_SUPPORT",
  ].map((code) => [code, "connection-lost"]),
);

/** Faults of the driver that have neither number nor code. */
const KIND_BY_MESSAGE: readonly (readonly [RegExp, FaultKind])[] = [
  [/queue limit reached/i, "queue-full"],
  [/pool is closed|connection lost|closed state|server closed the connection/i, "connection-lost"],
];

/** How far a chain of causes is followed: deeper ones don't occur, and a ring must end. */
const CAUSES_MAX = 8;

/** What the fault means, looking through wrappers and causes; the outermost known one counts. */
export function classify(error: unknown): FaultKind {
  return kindOf(error, CAUSES_MAX) ?? "other";
}

/**
 * Why the database doesn't let us in, as the end of a sentence that begins with "the database"; undefined
 * when the fault is another one.
 */
export function entryFault(error: unknown): string | undefined {
  return firstOf(error, CAUSES_MAX, (one) => {
    const { code, errno, message } = one as { code?: unknown; errno?: unknown; message?: unknown };
    if (errno === 3159) return "takes encrypted connections only: set DATABASE_TLS";
    // MariaDB says no more than this to whom it wants to come encrypted.
    if (errno === 1045) return "refuses the account: see its password, and DATABASE_TLS";
    if (code === "HANDSHAKE_NO_SSL_SUPPORT") return "has no TLS, which DATABASE_TLS asks for";
    if (code !== "HANDSHAKE_SSL_ERROR") return undefined;
    return `has a certificate that isn't trusted (${String(message)}): see DATABASE_TLS_CA_FILE`;
  });
}

function kindOf(error: unknown, causesLeft: number): FaultKind | undefined {
  return firstOf(error, causesLeft, ownKind);
}

/** The first answer of a fault, its causes, and theirs. */
function firstOf<Answer>(
  error: unknown,
  causesLeft: number,
  ask: (one: object) => Answer | undefined,
): Answer | undefined {
  if (typeof error !== "object" || error === null || causesLeft === 0) return undefined;
  const own = ask(error);
  if (own !== undefined) return own;
  // "localhost" is tried by IPv6 and by IPv4: node then throws both failures as one.
  const inner: unknown[] = [];
  if ("cause" in error) inner.push(error.cause);
  if ("errors" in error && Array.isArray(error.errors)) inner.push(...error.errors);
  for (const one of inner) {
    const answer = firstOf(one, causesLeft - 1, ask);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

function ownKind(error: object): FaultKind | undefined {
  if ("errno" in error && typeof error.errno === "number") {
    const kind = KIND_BY_ERRNO.get(error.errno);
    if (kind !== undefined) return kind;
  }
  if ("code" in error && typeof error.code === "string") {
    const kind = KIND_BY_CODE.get(error.code);
    if (kind !== undefined) return kind;
  }
  if (!(error instanceof Error)) return undefined;
  // A number that we don't know is the server's own word: its text must not be guessed at.
  if ("sqlState" in error && error.sqlState !== undefined) return undefined;
  return KIND_BY_MESSAGE.find(([pattern]) => pattern.test(error.message))?.[1];
}

function numbers(kind: FaultKind, errnos: readonly number[]): [number, FaultKind][] {
  return errnos.map((errno) => [errno, kind]);
}
