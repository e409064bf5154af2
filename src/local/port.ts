import { connect, createServer } from "node:net";
import type { NetConnectOpts } from "node:net";

/** Own servers listen on the loopback address only: nothing outside this machine reaches them. */
export const LOOPBACK = "127.0.0.1";

/**
 * A TCP port of the loopback address that nobody uses at this moment, chosen by the operating
 * system. Another process may take it before the caller does: whoever binds it must be ready to
 * ask again.
 */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, LOOPBACK, () => {
      const address = server.address();
      server.close((error) => {
        if (error) reject(error);
        else if (address === null || typeof address === "string") reject(new Error("no TCP port"));
        else resolve(address.port);
      });
    });
  });
}

/** How long a server may take to say its first word before the connection counts as not ready. */
const FIRST_WORD_TIMEOUT_MS = 2_000;

/**
 * Connects to a server, sends `hello` if there is one, and gives the bytes that came until
 * `isComplete` held; null when the connection was refused, closed or silent.
 */
export function firstWords(
  server: NetConnectOpts,
  hello: string,
  isComplete: (received: Buffer) => boolean,
): Promise<Buffer | null> {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    const socket = connect(server);
    const finish = (answer: Buffer | null) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(FIRST_WORD_TIMEOUT_MS, () => finish(null));
    socket.once("connect", () => socket.write(hello));
    socket.once("close", () => finish(null));
    // "Not listening yet" is what the caller came to find out: it is an answer, not a fault.
    socket.once("error", () => finish(null));
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (isComplete(received)) finish(received);
    });
  });
}
