import assert from "node:assert/strict";
import { loadContract, maskOf } from "../../src/wire/contract.ts";
import { startBareServer, type BareServer } from "../support/bare-server.ts";
import {
  assertRefused,
  assertTold,
  readStatus,
  toldBy,
  type CallOptions,
} from "../support/calls.ts";
import { METHODS, pathOf } from "../support/contract.ts";
import { ROLE_BY_NAME, tokenOf } from "../support/service.ts";
import { StreamCaller } from "../support/stream-caller.ts";
import { Status } from "../../src/gen/google/rpc/status.ts";

/** These need neither a field nor anything that lies behind: whoever gets past the gate is answered. */
const ANSWERED = ["ListRules"];
/** Whoever else gets past the gate with an empty request hears of its fields, or of what lies behind. */
const ADMITTED = ["INVALID_FIELD", "INTERNAL"];

describe("who may call what", () => {
  let bare: BareServer;
  before(async () => {
    bare = await startBareServer();
  });
  after(() => bare.close());
  const { methods } = loadContract();

  /** What a call with an empty request is told. */
  async function told(path: string, options: CallOptions) {
    if (!path.endsWith("/ProcessQuota")) {
      const method = { path, responseDeserialize: (bytes: Buffer) => bytes };
      return toldBy(bare.caller.send(method, Buffer.alloc(0), options));
    }
    const stream = new StreamCaller(bare.caller, options);
    stream.send({});
    const ended = stream.ended.then(({ metadata }) => {
      const [bytes] = metadata.get("grpc-status-details-bin");
      return Status.decode(bytes as Buffer);
    });
    const answered = stream.next().then(({ result }) => {
      stream.call.end();
      assert.equal(result?.$case, "error");
      return result.value;
    });
    return readStatus(await Promise.race([ended, answered]));
  }

  for (const method of METHODS) {
    const path = pathOf(method);
    it(`${method.name}: exactly the roles that its option names`, async () => {
      const access = methods.get(path)!;
      for (const [name, role] of Object.entries(ROLE_BY_NAME)) {
        const isAdmitted = (access.roles & maskOf([role])) !== 0;
        if (isAdmitted && ANSWERED.includes(method.name)) {
          const raw = { path, responseDeserialize: (bytes: Buffer) => bytes };
          await bare.caller.send(raw, Buffer.alloc(0), { token: tokenOf(name) });
          continue;
        }
        const answer = await told(path, { token: tokenOf(name) });
        if (isAdmitted) {
          assert.ok(ADMITTED.includes(answer.reason), `${name}: ${answer.reason}`);
        } else {
          assertTold(answer, "PERMISSION_DENIED", {
            method: path,
            roles: access.roleNames.join(", "),
          });
        }
      }
    });

    it(`${method.name}: nobody without a credential that is known`, async () => {
      for (const options of [
        {},
        { token: "wrong" },
        { headers: { authorization: "Basic eDp5" } },
      ]) {
        assertTold(await told(path, options), "UNAUTHENTICATED");
      }
    });
  }

  it("is decided before anything of the request is looked at, malformed bytes too", async () => {
    const method = { path: pathOf(METHODS[0]!), responseDeserialize: (bytes: Buffer) => bytes };
    const malformed = Buffer.from("ff".repeat(40), "hex");
    await assertRefused(bare.caller.send(method, malformed, {}), "UNAUTHENTICATED");
    const auditor = { token: tokenOf("auditor") };
    await assertRefused(bare.caller.send(method, malformed, auditor), "PERMISSION_DENIED");
    await assertRefused(
      bare.caller.send(method, malformed, { token: tokenOf("admin") }),
      "INVALID_FIELD",
    );
  });
});
