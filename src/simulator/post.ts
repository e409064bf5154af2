/** One HTTP POST as WeChat Pay sends callbacks: a fresh connection, a deadline, no redirects. */
import { request as requestHttp, type ClientRequest } from "node:http";
import { request as requestHttps } from "node:https";
import type { CallbackOutcome } from "./journal.ts";
import type { Message } from "./callback-message.ts";

/** Answers need no body; what is longer is cut off. */
const ANSWER_BYTES_MAX = 64 * 1024;

/**
 * @param open holds the request while it is under way, so that it can be destroyed
 * @returns what came back; a failure of any kind is an outcome too
 */
export function post(
  url: string,
  message: Message,
  timeoutMs: number,
  open: Set<ClientRequest>,
): Promise<CallbackOutcome> {
  return new Promise((resolve) => {
    const send = url.startsWith("https:") ? requestHttps : requestHttp;
    const headers = {
      "User-Agent": "Mozilla/4.0",
      "Content-Length": message.body.length,
      ...message.headers,
    };
    const request = send(url, { method: "POST", headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length <= ANSWER_BYTES_MAX) chunks.push(chunk);
      });
      response.on("end", () => end({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
      response.on("error", fail);
    });
    const timer = setTimeout(() => request.destroy(new Error("no answer in time")), timeoutMs);
    const end = (outcome: CallbackOutcome): void => {
      clearTimeout(timer);
      open.delete(request);
      resolve(outcome);
    };
    const fail = (error: Error): void => end({ error: error.message || "failed" });
    open.add(request);
    request.on("error", fail);
    request.end(message.body);
  });
}
