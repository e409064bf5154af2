/** A gRPC server of the contract with nothing of ours around its handlers: for what is compared. */
import {
  Server,
  ServerCredentials,
  status as Code,
  type ServerDuplexStream,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import {
  QuotaServiceService,
  type QuotaOperation,
  type QuotaOperationResult,
  type QuotaServiceServer,
  type ReserveQuotaRequest,
  type ReserveQuotaResponse,
} from "../src/gen/billing/quota/v1/quota_service.ts";

/** Answers at once or later; what it throws is told as INTERNAL. */
export type Reserve = (
  request: ReserveQuotaRequest,
) => ReserveQuotaResponse | Promise<ReserveQuotaResponse>;

/** Serves reserves, unary and on a stream; the rest is UNIMPLEMENTED. @returns the port */
export function servePlain(reserve: Reserve): Promise<number> {
  const served: Pick<QuotaServiceServer, "reserveQuota" | "processQuota"> = {
    reserveQuota: (call, callback) => {
      settle(
        reserve,
        call.request,
        (response) => callback(null, response),
        (details) => callback({ code: Code.INTERNAL, details }),
      );
    },
    processQuota: (call) => serveStream(call, reserve),
  };
  const server = new Server({ "grpc.enable_channelz": 0 });
  server.addService(QuotaServiceService, { ...unimplemented(), ...served });
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

function serveStream(
  call: ServerDuplexStream<QuotaOperation, QuotaOperationResult>,
  reserve: Reserve,
): void {
  let open = 0;
  let hasEnded = false;
  const answer = (correlationId: string, result: QuotaOperationResult["result"]) => {
    open -= 1;
    call.write({ correlationId, result });
    if (hasEnded && open === 0) call.end();
  };
  call.on("data", ({ correlationId, operation }: QuotaOperation) => {
    open += 1;
    const fail = (message: string) => {
      const value = { code: Code.INTERNAL, message, details: [] };
      answer(correlationId, { $case: "error", value });
    };
    if (operation?.$case !== "reserve") return fail("only reserves are served here");
    const ended = (value: ReserveQuotaResponse) => {
      answer(correlationId, { $case: "reserve", value });
    };
    settle(reserve, operation.value, ended, fail);
  });
  call.on("end", () => {
    hasEnded = true;
    if (open === 0) call.end();
  });
}

/** An answer that is there already isn't waited for: the no-op shall cost nothing but gRPC. */
function settle(
  reserve: Reserve,
  request: ReserveQuotaRequest,
  answer: (response: ReserveQuotaResponse) => void,
  refuse: (why: string) => void,
): void {
  const response = reserve(request);
  if (!(response instanceof Promise)) return answer(response);
  response.then(answer, (error: unknown) => refuse(String(error)));
}

function unimplemented(): UntypedServiceImplementation {
  const refuse = (_call: unknown, callback: (error: { code: Code }) => void) =>
    callback({ code: Code.UNIMPLEMENTED });
  return Object.fromEntries(Object.keys(QuotaServiceService).map((name) => [name, refuse]));
}
