import assert from "node:assert/strict";
import { clone, create, toBinary, type DescMessage, type Message } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { contractOf, loadContract } from "../../src/wire/contract.ts";
import { startBareServer, type BareServer } from "../support/bare-server.ts";
import { assertBadFields, readStatus } from "../support/calls.ts";
import { METHODS, pathOf, requiredNames } from "../support/contract.ts";
import { tokenOf } from "../support/service.ts";
import { StreamCaller } from "../support/stream-caller.ts";

const UNARY = METHODS.filter(({ methodKind }) => methodKind === "unary");
const raw = (bytes: Buffer) => bytes;

/** A message in which every message that it contains is there and empty; lists have one of them. */
function hollow(schema: DescMessage): Message {
  const inner = schema.fields.filter(
    ({ message, oneof }) => message?.typeName.startsWith("billing.") && oneof === undefined,
  );
  const empty = inner.map((field) => [field.localName, field.fieldKind === "list" ? [{}] : {}]);
  return create(schema, Object.fromEntries(empty));
}

/** `user_id` as protobuf-es names it. */
function localName(name: string): string {
  return name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** The required fields within the messages that a hollow message contains, by their paths. */
function innerRequired(schema: DescMessage): string[] {
  return schema.fields.flatMap((field) => {
    if (field.oneof !== undefined || field.message === undefined) return [];
    const at = field.fieldKind === "list" ? `${field.name}[0]` : field.name;
    return requiredNames(field.message).map((name) => `${at}.${name}`);
  });
}

describe("the contract", () => {
  let bare: BareServer;
  before(async () => {
    bare = await startBareServer();
  });
  after(() => bare.close());

  const send = (path: string, bytes: Uint8Array) =>
    bare.caller.send({ path, responseDeserialize: raw }, Buffer.from(bytes), {
      token: tokenOf("admin"),
    });

  for (const method of UNARY.filter(({ input }) => requiredNames(input).length > 0)) {
    it(`${method.name} names every REQUIRED field that is left out, and no other`, async () => {
      await assertBadFields(send(pathOf(method), Buffer.alloc(0)), ...requiredNames(method.input));
      assert.deepEqual(bare.reached, []);
    });
  }

  for (const method of UNARY.filter(({ input }) => innerRequired(input).length > 0)) {
    it(`${method.name} names the REQUIRED fields within its messages too`, async () => {
      const message = hollow(method.input);
      const isThere = (name: string) => method.input.field[localName(name)]?.message !== undefined;
      const left = requiredNames(method.input).filter((name) => !isThere(name));
      await assertBadFields(
        send(pathOf(method), toBinary(method.input, message)),
        ...left,
        ...innerRequired(method.input),
      );
    });
  }

  it("an operation of a stream is refused for every REQUIRED field that is left out", async () => {
    const { input } = METHODS.find(({ name }) => name === "ProcessQuota")!;
    const stream = new StreamCaller(bare.caller, { token: tokenOf("pipeline") });
    const fieldsOf = async (bytes: Uint8Array) => {
      stream.sendBytes(Buffer.from(bytes));
      const { result } = await stream.next();
      assert.equal(result?.$case, "error");
      return readStatus(result.value).fields.toSorted();
    };
    assert.deepEqual(await fieldsOf(Buffer.alloc(0)), requiredNames(input).toSorted());
    for (const field of input.oneofs[0]!.fields) {
      const operation = { case: field.localName, value: {} };
      const message = create(input, { correlationId: "c1", operation });
      const required = requiredNames(field.message!).map((name) => `${field.name}.${name}`);
      assert.deepEqual(await fieldsOf(toBinary(input, message)), required.toSorted());
    }
    await stream.end();
    assert.deepEqual(bare.reached, []);
  });

  it("asks for an idempotency key exactly where a method changes something", () => {
    const { methods } = loadContract();
    for (const method of UNARY) {
      const hasKey = method.input.fields.some(({ name }) => name === "idempotency_key");
      assert.equal(hasKey, methods.get(pathOf(method))?.mutates, method.name);
      const hasPreview = method.input.fields.some(({ name }) => name === "validate_only");
      assert.equal(hasPreview, hasKey, method.name);
    }
  });

  it("with a method that doesn't say who may call it is refused at the start", () => {
    const { descriptors } = loadContract();
    const change = (edit: (options: { $unknown?: unknown }) => void) => {
      const copy = clone(FileDescriptorSetSchema, descriptors);
      const file = copy.file.find(({ name }) => name.endsWith("quota_service.proto"));
      edit(file!.service[0]!.method[3]!.options!);
      return () => contractOf(copy);
    };
    assert.doesNotThrow(change(() => {}));
    assert.throws(
      change((options) => delete options.$unknown),
      /RefundQuota doesn't say who may call it/,
    );
  });
});
