/**
 * A way to a database on which a chosen statement stands still: before the server has heard of it, or
 * when it has done it and nobody has been told. Whoever is killed then is killed between two steps.
 */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { COM_QUERY, createReader, HEADER_BYTES, NO_ATTRIBUTES } from "./mysql-proxy.ts";

/** Before a statement reaches the server, or before its answer leaves it. */
export type When = "before" | "after";

export interface Statement {
  /** The statement without its values; a COMMIT or ROLLBACK bears the name of the statement before it. */
  readonly shape: string;
  /** True within a transaction that has not ended. */
  readonly isOpen: boolean;
}

export interface StatementProxy {
  /** The same database by way of this proxy. */
  readonly url: string;
  /** Told of each statement from now on; what it answers makes the statement stand still. */
  watch(watcher: (statement: Statement) => When | undefined): void;
  /** Cuts every connection, and with it what stands still. */
  cut(): void;
  close(): Promise<void>;
}

/** Starts a proxy to the database of this URL; it must be reached by TCP and without TLS. */
export async function startStatementProxy(databaseUrl: string): Promise<StatementProxy> {
  const url = new URL(databaseUrl);
  const target = { host: url.hostname, port: Number(url.port), noDelay: true };
  const state: State = { watcher: () => undefined };
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
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    watch(watcher) {
      state.watcher = watcher;
    },
    cut,
    async close() {
      const closed = once(server, "close");
      server.close();
      cut();
      await closed;
    },
  };
}

interface State {
  watcher: (statement: Statement) => When | undefined;
}

const ENDS = /^(commit|rollback)\b/;
const BEGINS = /^(begin|start transaction)\b/;

function join(client: Socket, upstream: Socket, state: State): void {
  let before = "";
  let isOpen = false;
  let isSilent = false;
  const read = createReader((packet) => {
    const text = queryOf(packet);
    if (text === undefined) return upstream.write(packet);
    const shape = shapeOf(text);
    const isEnd = ENDS.test(shape);
    if (BEGINS.test(shape)) isOpen = true;
    const when = state.watcher({ shape: isEnd ? `${shape} after ${before}` : shape, isOpen });
    if (isEnd) isOpen = false;
    else before = shape;
    // Nothing more comes on this connection: its client waits for the answer.
    if (when === "before") return undefined;
    isSilent = when === "after";
    return upstream.write(packet);
  });
  client.on("data", read);
  upstream.on("data", (bytes) => {
    if (!isSilent) client.write(bytes);
  });
}

function queryOf(packet: Buffer): string | undefined {
  if (packet[HEADER_BYTES] !== COM_QUERY) return undefined;
  const text = packet.toString("utf8", HEADER_BYTES + 1);
  return text.startsWith(NO_ATTRIBUTES) ? text.slice(NO_ATTRIBUTES.length) : text;
}

const SHAPE_LENGTH_MAX = 160;

/** Values and the number of them don't count. */
function shapeOf(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/'(?:[^'\\]|\\.|'')*'/g, "?")
    .replaceAll(/\b\d+\b/g, "?")
    .replaceAll(/\s+/g, " ")
    .replaceAll(/\?(,\s*\?)+/g, "?")
    .trim()
    .slice(0, SHAPE_LENGTH_MAX);
}
