/**
 * The contract as the server reads it: the descriptors that `npm run generate` writes. Who may call
 * a method stands in its option `billing.option.v1.access`, so the contract is the policy.
 */
import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary, getExtension, hasExtension } from "@bufbuild/protobuf";
import type { DescMethod, FileRegistry } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema, type FileDescriptorSet } from "@bufbuild/protobuf/wkt";
import { Role } from "../gen/billing/option/v1/options.ts";

const DESCRIPTORS = new URL("../gen/descriptor.binpb", import.meta.url);
const ACCESS_OPTION = "billing.option.v1.access";
/**
 * Our own services; the others (health, reflection) tell nobody anything that is worth guarding.
 */
const OWN_PACKAGES = /^billing\./;

/** The access rule of one method. */
export interface MethodAccess {
  /** As on the wire: `/billing.quota.v1.QuotaService/ReserveQuota`. */
  readonly path: string;
  /** As a bit each: see `maskOf`. */
  readonly roles: number;
  readonly roleNames: readonly string[];
  /** True when it changes state, and so takes an idempotency key. */
  readonly mutates: boolean;
}

export interface Contract {
  readonly descriptors: FileDescriptorSet;
  readonly registry: FileRegistry;
  /** The access rules of all our methods, by path. */
  readonly methods: ReadonlyMap<string, MethodAccess>;
}

/**
 * Reads the contract that `npm run generate` has written.
 * @throws Error when a method of ours doesn't say who may call it
 */
export function loadContract(): Contract {
  return contractOf(fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTORS)));
}

/** @throws Error as loadContract */
export function contractOf(descriptors: FileDescriptorSet): Contract {
  const registry = createFileRegistry(descriptors);
  const own = [...registry.files]
    .filter(({ proto }) => OWN_PACKAGES.test(proto.package))
    .flatMap(({ services }) => services.flatMap(({ methods }) => methods));
  const rules = own.map((method) => accessOf(registry, method));
  return { descriptors, registry, methods: new Map(rules.map((rule) => [rule.path, rule])) };
}

function accessOf(registry: FileRegistry, method: DescMethod): MethodAccess {
  const path = `/${method.parent.typeName}/${method.name}`;
  const option = registry.getExtension(ACCESS_OPTION);
  const { options } = method.proto;
  if (option === undefined || options === undefined || !hasExtension(options, option)) {
    throw new Error(`${path} doesn't say who may call it: the option ${ACCESS_OPTION} is missing`);
  }
  const { roles, mutates } = getExtension(options, option) as { roles: Role[]; mutates: boolean };
  if (roles.length === 0) throw new Error(`${path} names no role that may call it`);
  return { path, roles: maskOf(roles), roleNames: roles.map(roleName), mutates };
}

/** Roles as the bits of one number. */
export function maskOf(roles: readonly Role[]): number {
  return roles.reduce((mask: number, role) => mask | (1 << role), 0);
}

const ROLE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(Role).map(([name, role]) => [role, name.toLowerCase()]),
);

/** As the configuration spells it: `pipeline`. */
export function roleName(role: Role): string {
  return ROLE_NAMES.get(role) ?? String(role);
}
