/** A receiver of webhooks that does with each message what a test says. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";

export interface Received {
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Counts the messages with this id, from 1. */
  readonly time: number;
}

/** The status to answer with, or what to do with the answer; nothing done leaves the sender waiting. */
export type Reaction = (received: Received, answer: ServerResponse) => number | void;

export interface Receiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** What it does from now on. */
  react(reaction: Reaction): void;
  /** Resolves when a message has come for which this holds. */
  until(isEnough: (received: readonly Received[]) => boolean): Promise<void>;
  close(): Promise<void>;
}

export async function startReceiver(first: Reaction = () => 204): Promise<Receiver> {
  let reaction = first;
  const received: Received[] = [];
  const waiting = new Set<() => void>();
  const server = createServer((request, answer) => {
    void text(request).then((body) => {
      const id = String(request.headers["webhook-id"]);
      const time = received.filter((other) => other.id === id).length + 1;
      const message = { id, headers: request.headers, body, time };
      received.push(message);
      const status = reaction(message, answer);
      if (status !== undefined) answer.writeHead(status).end();
      for (const look of waiting) look();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hooks`,
    received,
    react: (next) => {
      reaction = next;
    },
    until: (isEnough) =>
      new Promise((resolve) => {
        const look = () => {
          if (!isEnough(received)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/**
 * What the convention's own library says of a message.
 * @throws where the signature isn't by this secret
 */
export function verify(secret: string, { headers, body }: Received): unknown {
  return new Webhook(secret).verify(body, headers as Record<string, string>);
}
