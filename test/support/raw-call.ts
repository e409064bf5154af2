/** gRPC over HTTP/2 by hand: for what no gRPC client would send, or would not leave unsaid. */
import { connect, constants, type ClientHttp2Session } from "node:http2";
import { tokenOf } from "./service.ts";

/** One message as gRPC frames it. */
export function frame(message: Buffer, compressed: 0 | 1): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed, 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Speaks HTTP/2 itself. @returns the grpc-status, or `closed` when the stream ended without one */
export async function rawCall(
  address: string,
  path: string,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const session: ClientHttp2Session = connect(`http://${address}`);
  session.on("error", () => {});
  try {
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: path,
      "content-type": "application/grpc",
      te: "trailers",
      "grpc-encoding": body[0] === 1 ? "gzip" : "identity",
      authorization: `Bearer ${tokenOf("admin")}`,
      ...headers,
    });
    let code = "closed";
    const note = ({ "grpc-status": found }: Readonly<Record<string, unknown>>) => {
      if (typeof found === "string") code = found;
    };
    stream.on("response", note);
    stream.on("trailers", note);
    stream.on("error", () => {});
    stream.resume();
    stream.end(body);
    await new Promise((resolve) => stream.on("close", resolve));
    return code;
  } finally {
    session.destroy();
  }
}
