/**
 * A way to a database that breaks exactly where it hurts: at COMMIT, before the server has heard of
 * it or after it has done it. It reads no more of MySQL's protocol than it takes to see the word.
 */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/**
 * Where a connection is cut: the server never hears of the COMMIT, or its answer never arrives; or where it
 * goes silent instead, and stays open.
 */
export type Cut = "before" | "after" | "silent before" | "silent after";

export interface MysqlProxy {
  /** The same database by way of this proxy. */
  readonly url: string;
  /** COMMITs that were seen. */
  readonly commits: number;
  /** Connections that were cut, by where. */
  readonly cuts: Readonly<Record<Cut, number>>;
  /** Decides of each COMMIT from now on whether its connection is cut, and where. */
  decide(decision: (commit: number) => Cut | undefined): void;
  /** Connections are left alone from now on. */
  calm(): void;
  close(): Promise<void>;
}

/** Each packet: its length in three bytes, least first, then its number in the exchange. */
export const HEADER_BYTES = 4;
export const COM_QUERY = 0x03;
const COMMIT = "commit";
/** What MySQL 8 puts before a query: it has no attributes, in one set. */
export const NO_ATTRIBUTES = String.fromCharCode(0, 1);

const COMMIT_PACKET_BYTES_MAX = HEADER_BYTES + 1 + NO_ATTRIBUTES.length + COMMIT.length;

/** Starts a proxy to the database of this URL; it must be reached by TCP and without TLS. */
export async function startMysqlProxy(databaseUrl: string): Promise<MysqlProxy> {
  const url = new URL(databaseUrl);
  const target = { host: url.hostname, port: Number(url.port), noDelay: true };
  const state = {
    commits: 0,
    cuts: { before: 0, after: 0, "silent before": 0, "silent after": 0 },
    decide: (_commit: number): Cut | undefined => undefined,
  };
  const sockets = new Set<Socket>();
  const server: Server = createServer({ noDelay: true }, (client) => {
    const upstream = connect(target);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // A broken connection is what this is for: the close that follows is passed on.
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    join(client, upstream, state);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url.hostname = "127.0.0.1";
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    get commits() {
      return state.commits;
    },
    cuts: state.cuts,
    decide(decision) {
      state.decide = decision;
    },
    calm() {
      state.decide = () => undefined;
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

interface State {
  commits: number;
  readonly cuts: Record<Cut, number>;
  decide: (commit: number) => Cut | undefined;
}

function join(client: Socket, upstream: Socket, state: State): void {
  let isAnswerLost = false;
  let isSilent = false;
  const readPackets = createReader((packet) => {
    if (!isCommit(packet)) return upstream.write(packet);
    state.commits += 1;
    const cut = state.decide(state.commits);
    if (cut !== undefined) state.cuts[cut] += 1;
    if (cut === "before") return client.destroy();
    isAnswerLost = cut !== undefined;
    isSilent = cut?.startsWith("silent") ?? false;
    return cut === "silent before" || upstream.write(packet);
  });
  client.on("data", readPackets);
  upstream.on("data", (bytes) => {
    // The server speaks only when asked: this is its answer to the COMMIT.
    if (!isAnswerLost) client.write(bytes);
    else if (!isSilent) client.destroy();
  });
}

/** Puts packets together, however the network has cut them. */
export function createReader(handle: (packet: Buffer) => unknown): (bytes: Buffer) => void {
  let parts: Buffer[] = [];
  let size = 0;
  return (bytes) => {
    parts.push(bytes);
    size += bytes.length;
    // A bulk statement comes in many parts: they are joined once, when all are there.
    while (size >= HEADER_BYTES) {
      if (parts[0]!.length < HEADER_BYTES) parts = [Buffer.concat(parts)];
      const length = HEADER_BYTES + parts[0]!.readUIntLE(0, 3);
      if (size < length) return;
      const all = Buffer.concat(parts);
      parts = [all.subarray(length)];
      size -= length;
      handle(all.subarray(0, length));
    }
  };
}

function isCommit(packet: Buffer): boolean {
  if (packet[HEADER_BYTES] !== COM_QUERY) return false;
  if (packet.length > COMMIT_PACKET_BYTES_MAX) return false;
  const query = packet.toString("latin1", HEADER_BYTES + 1).toLowerCase();
  return query === COMMIT || query === NO_ATTRIBUTES + COMMIT;
}
