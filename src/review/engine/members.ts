/** Members of what is known; of everything else they are kept as they stand. */
import { findMethod, memberOfInstance } from "./classes.ts";
import { ownerOf } from "./assign.ts";
import type { Machine } from "./machine.ts";
import { get, OPTIONS_MAX, UNDEFINED, union, type Value } from "./value.ts";

export function member(machine: Machine, base: Value, name: string | undefined): Value {
  if (name === undefined) return anyMember(base);
  switch (base.kind) {
    case "record": {
      const known = base.fields.get(name);
      return known ?? (base.open || isObjectMethod(name) ? get(base, name) : UNDEFINED);
    }
    case "list":
      return /^\d+$/.test(name) && !base.open ? (base.items[Number(name)] ?? UNDEFINED) : get(base, name);
    case "instance":
      return memberOfInstance(machine, base, name);
    case "class":
      return memberOfClass(machine, base, name);
    case "union":
      return union(...base.options.map((option) => member(machine, option, name)));
    case "get":
    case "result":
    case "call":
      return machine.pending.get(ownerOf(base))?.get(name) ?? get(base, name);
    case "constant":
    case "template":
    case "closure":
    case "operation":
    case "unknown":
      break;
  }
  return get(base, name);
}

/** `COLUMNS[kind]`: one of what is there. */
function anyMember(base: Value): Value {
  const items =
    base.kind === "list" ? base.items : base.kind === "record" && !base.open ? [...base.fields.values()] : [];
  return items.length > 0 && items.length <= OPTIONS_MAX ? union(...items) : get(base, undefined);
}

function memberOfClass(machine: Machine, base: Value & { kind: "class" }, name: string): Value {
  if (name === "prototype") return base;
  const own = base.statics.get(name);
  if (own) return own;
  // `super.method()` looks the method up in the parent, with the `this` of the child.
  const self = machine.activations.at(-1)?.self;
  if (self?.kind === "instance" && self.of.parent === base) {
    const inherited = findMethod(machine, base, name, self);
    if (inherited) return inherited;
  }
  return base.parent?.kind === "class" ? memberOfClass(machine, base.parent, name) : get(base, name);
}

function isObjectMethod(name: string): boolean {
  return ["hasOwnProperty", "toString", "valueOf", "toJSON"].includes(name);
}
