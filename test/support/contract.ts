/** What the proto files say, read from the descriptors with their comments. */
import type { DescField, DescMessage, DescMethod } from "@bufbuild/protobuf";
import { loadContract } from "../../src/wire/contract.ts";

const { registry } = loadContract();

/** All methods of our services. */
export const METHODS: readonly DescMethod[] = [...registry.files]
  .filter(({ proto }) => proto.package.startsWith("billing."))
  .flatMap(({ services }) => services.flatMap(({ methods }) => methods));

export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** The names of fields and oneofs whose comments begin with REQUIRED. */
export function requiredNames(message: DescMessage): string[] {
  const isRequired = (numbers: readonly number[]) =>
    commentAt(message, [...pathTo(message), ...numbers]).startsWith("REQUIRED.");
  const fields = message.fields.filter((_, at) => isRequired([2, at])).map(({ name }) => name);
  const oneofs = message.oneofs.filter((_, at) => isRequired([8, at])).map(({ name }) => name);
  return [...fields, ...oneofs];
}

export function commentOf(field: DescField): string {
  const at = field.parent.fields.indexOf(field);
  return commentAt(field.parent, [...pathTo(field.parent), 2, at]);
}

/** The path of a message in its file, as source locations have it. */
function pathTo(message: DescMessage): number[] {
  const { parent } = message;
  if (parent === undefined) return [4, message.file.messages.indexOf(message)];
  return [...pathTo(parent), 3, parent.nestedMessages.indexOf(message)];
}

function commentAt(message: DescMessage, path: readonly number[]): string {
  const locations = message.file.proto.sourceCodeInfo?.location ?? [];
  const location = locations.find((candidate) => candidate.path.join() === path.join());
  return location?.leadingComments.trim().replaceAll(/\s+/g, " ") ?? "";
}
