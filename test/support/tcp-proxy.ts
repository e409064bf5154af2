/**
 * A network between a client and a server that a test can break, in each direction and at any byte.
 */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface TcpProxy {
  /** `127.0.0.1:port`: where the client connects to. */
  readonly address: string;
  /** Bytes that have come from clients and from the server, over all connections. */
  readonly requestBytes: number;
  readonly answerBytes: number;
  /** Where connections lead from now on. */
  leadTo(port: number): void;
  /** Cuts all connections, and every new one at once. */
  block(): void;
  /** Lets connections through again, and answers too. */
  unblock(): void;
  /** Lets requests pass, but no byte of any answer. */
  holdAnswers(): void;
  /**
   * Swallows all that comes on the connections of now, in both directions and without a word, as a firewall
   * does that has forgotten them; new ones are let through.
   */
  abandon(): void;
  /**
   * Cuts a connection as soon as so many bytes of its requests have passed; the rest never does.
   */
  cutRequestsAfter(bytes: number): void;
  /** The same for answers. */
  cutAnswersAfter(bytes: number): void;
  stop(): Promise<void>;
}

type Mode = "PASS" | "BLOCK" | "HOLD";

class Proxy implements TcpProxy {
  readonly #server = createServer((client) => this.#accept(client));
  readonly #sockets = new Set<Socket>();
  #targetPort: number;
  #mode: Mode = "PASS";
  #requestsMax = Infinity;
  #answersMax = Infinity;
  requestBytes = 0;
  answerBytes = 0;

  constructor(targetPort: number) {
    this.#targetPort = targetPort;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  leadTo(port: number): void {
    this.#targetPort = port;
  }

  block(): void {
    this.#mode = "BLOCK";
    this.#cutAll();
  }

  unblock(): void {
    this.#mode = "PASS";
    this.#requestsMax = Infinity;
    this.#answersMax = Infinity;
    for (const socket of this.#sockets) socket.resume();
  }

  holdAnswers(): void {
    this.#mode = "HOLD";
  }

  abandon(): void {
    for (const socket of this.#sockets) socket.removeAllListeners("data").on("data", () => undefined);
  }

  cutRequestsAfter(bytes: number): void {
    this.#requestsMax = bytes;
  }

  cutAnswersAfter(bytes: number): void {
    this.#answersMax = bytes;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#cutAll();
    await closed;
  }

  #accept(client: Socket): void {
    if (this.#mode === "BLOCK") {
      client.destroy();
      return;
    }
    const server = connect(this.#targetPort, "127.0.0.1");
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
      // What has gone wrong shows in the close that follows.
      socket.on("error", () => undefined);
    }
    let requests = 0;
    let answers = 0;
    client.on("data", (bytes) => {
      const rest = this.#requestsMax - requests;
      requests += bytes.length;
      this.requestBytes += bytes.length;
      server.write(bytes.subarray(0, Math.max(0, rest)));
      if (bytes.length >= rest) server.end(() => client.destroy());
    });
    server.on("data", (bytes) => {
      if (this.#mode === "HOLD") {
        server.pause();
        server.unshift(bytes);
        return;
      }
      const rest = this.#answersMax - answers;
      answers += bytes.length;
      this.answerBytes += bytes.length;
      client.write(bytes.subarray(0, Math.max(0, rest)));
      if (bytes.length >= rest) client.end(() => server.destroy());
    });
  }

  #cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** A proxy that leads to a port of this machine. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const proxy = new Proxy(targetPort);
  await proxy.listen();
  return proxy;
}
