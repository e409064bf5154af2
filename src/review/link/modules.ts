/** Modules: each is evaluated once, after what it imports; cycles see what is there by then. */
import { instantiate } from "../engine/classes.ts";
import { emptyRecord } from "../engine/assign.ts";
import type { Trace } from "../engine/effect.ts";
import { aside, type Linker, type Machine } from "../engine/machine.ts";
import { newScope, type Scope } from "../engine/scope.ts";
import { executeAll } from "../engine/statements.ts";
import {
  get,
  unknown,
  type ClassValue,
  type Instance,
  type RecordValue,
  type Value,
} from "../engine/value.ts";
import { child, children, nameOf, text, type Node } from "../syntax/node.ts";
import type { Resolver } from "./resolve.ts";

export interface Module {
  readonly path: string;
  readonly source: string;
  readonly program: Node;
}

interface Loaded extends Module {
  readonly scope: Scope;
  readonly commonJs: RecordValue;
}

export interface Modules {
  readonly linker: Linker;
  /** Evaluates a module, if it wasn't yet. */
  load(path: string): void;
  relink(): void;
  /** Everything that a module gives to others. */
  exportsOf(path: string): ReadonlyMap<string, Value>;
  classes(path: string): readonly ClassValue[];
  instanceOf(of: ClassValue): Instance;
}

const SERVICE_CLASS =
  /(?:Service|Repository|Repo|Manager|Controller|UseCase|Store|Dao|DAO|Handler|Provider|Helper|Db|Database|Billing|Ledger|Gateway|Facade|Impl|Command|Processor|Worker|Consumer|Resolver)$/;

export class ModuleTable implements Modules {
  readonly #files: ReadonlyMap<string, Module>;
  readonly #resolver: Resolver;
  readonly #machine: () => Machine;
  readonly #loaded = new Map<string, Loaded>();
  readonly #instances = new Map<ClassValue, Instance>();
  readonly #classPaths: ReadonlyMap<string, string | null>;
  readonly linker: Linker;

  constructor(
    files: ReadonlyMap<string, Module>,
    resolver: Resolver,
    concerns: Linker["concerns"],
    machine: () => Machine,
  ) {
    this.#files = files;
    this.#resolver = resolver;
    this.#machine = machine;
    this.#classPaths = classIndex(files);
    this.linker = {
      imported: (from, specifier, name) => this.#imported(from, specifier, name),
      isMissing: (from, specifier) =>
        /^[.@~#]/.test(specifier) && !isPackage(specifier) && resolver.resolve(from, specifier) === undefined,
      instanceOfType: (name) => this.#instanceOfType(name),
      source: (path) => files.get(path)?.source ?? "",
      concerns,
      ambientTransactions: [...files.values()].some(({ source }) => AMBIENT.test(source)),
    };
  }

  load(path: string): void {
    this.#load(path);
  }

  /** Imports in a cycle, once everything is there. */
  relink(): void {
    for (const module of this.#loaded.values()) this.#link(module);
  }

  #load(path: string): Loaded | undefined {
    const known = this.#loaded.get(path);
    const file = this.#files.get(path);
    if (known || !file) return known;
    const scope = newScope(path);
    const commonJs = emptyRecord(path);
    const module: Loaded = { ...file, scope, commonJs };
    this.#loaded.set(path, module);
    const exportsValue = emptyRecord(path);
    commonJs.fields.set("exports", exportsValue);
    scope.values.set("module", commonJs);
    scope.values.set("exports", exportsValue);
    this.#link(module);
    run(this.#machine(), module);
    return module;
  }

  #link({ program, scope, path }: Loaded): void {
    for (const node of children(program, "body")) {
      if (node.type !== "ImportDeclaration" || text(node, "importKind") === "type") continue;
      const specifier = nameOf(child(node, "source")) ?? "";
      for (const entry of children(node, "specifiers")) {
        const local = nameOf(child(entry, "local")) ?? "";
        const name =
          entry.type === "ImportDefaultSpecifier"
            ? "default"
            : entry.type === "ImportNamespaceSpecifier"
              ? "*"
              : (nameOf(child(entry, "imported")) ?? "");
        const value = this.#imported(path, specifier, name);
        scope.values.set(local, value ?? { ...unknown(local, "import"), source: specifier });
      }
    }
  }

  #imported(from: string, specifier: string, name: string): Value | undefined {
    const path = this.#resolver.resolve(from, specifier);
    if (path === undefined || !this.#files.has(path)) return undefined;
    this.#load(path);
    if (name === "*") return this.#namespace(path);
    const direct = this.#exported(path, name, new Set());
    if (direct) return direct;
    const common = this.#loaded.get(path)?.commonJs.fields.get("exports");
    if (name === "default")
      return common?.kind === "record" && common.fields.size === 0 && common.open ? undefined : common;
    return common?.kind === "record" ? common.fields.get(name) : common && get(common, name);
  }

  #namespace(path: string): Value | undefined {
    const common = this.#loaded.get(path)?.commonJs.fields.get("exports");
    if (common && (common.kind !== "record" || common.fields.size > 0)) return common;
    const record = emptyRecord(path);
    for (const [name, value] of this.exportsOf(path)) record.fields.set(name, value);
    return record;
  }

  #exported(path: string, name: string, seen: Set<string>): Value | undefined {
    const module = this.#load(path);
    if (!module || seen.has(path)) return undefined;
    seen.add(path);
    for (const node of children(module.program, "body")) {
      const value = this.#exportOf(module, node, name, seen);
      if (value) return value;
    }
    return undefined;
  }

  #exportOf(module: Loaded, node: Node, name: string, seen: Set<string>): Value | undefined {
    const source = (child(node, "source") as { value?: unknown } | undefined)?.value;
    const target = typeof source === "string" ? this.#resolver.resolve(module.path, source) : undefined;
    if (node.type === "ExportAllDeclaration") {
      const alias = nameOf(child(node, "exported"));
      if (alias !== undefined)
        return alias === name && target !== undefined ? this.#namespace(target) : undefined;
      return target === undefined ? undefined : this.#exported(target, name, seen);
    }
    if (node.type === "ExportDefaultDeclaration" && name === "default") {
      const declaration = child(node, "declaration");
      return module.scope.values.get(nameOf(declaration && child(declaration, "id")) ?? "default");
    }
    if (node.type !== "ExportNamedDeclaration") return undefined;
    for (const entry of children(node, "specifiers")) {
      if (nameOf(child(entry, "exported")) !== name) continue;
      const local = nameOf(child(entry, "local")) ?? "";
      if (typeof source === "string")
        return target === undefined ? undefined : this.#exported(target, local, new Set(seen));
      return module.scope.values.get(local);
    }
    const declaration = child(node, "declaration");
    return declaration && declaredNames(declaration).includes(name)
      ? module.scope.values.get(name)
      : undefined;
  }

  exportsOf(path: string): Map<string, Value> {
    const module = this.#load(path);
    const result = new Map<string, Value>();
    if (!module) return result;
    for (const node of children(module.program, "body")) {
      if (node.type === "ExportDefaultDeclaration")
        addExport(result, "default", this.#exported(path, "default", new Set()));
      if (node.type !== "ExportNamedDeclaration") continue;
      const declaration = child(node, "declaration");
      const names = [
        ...(declaration ? declaredNames(declaration) : []),
        ...children(node, "specifiers").map((entry) => nameOf(child(entry, "exported")) ?? ""),
      ];
      for (const name of names) addExport(result, name, this.#exported(path, name, new Set()));
    }
    const common = module.commonJs.fields.get("exports");
    if (common?.kind === "record") for (const [name, value] of common.fields) addExport(result, name, value);
    else if (common) addExport(result, "default", common);
    return result;
  }

  instanceOf(of: ClassValue): Instance {
    const known = this.#instances.get(of);
    if (known) return known;
    const made: Instance = { kind: "instance", of, fields: new Map(), deps: new Set() };
    this.#instances.set(of, made);
    const trace = moduleTrace(of.path, of.node);
    aside(this.#machine(), trace, () => {
      for (const [name, value] of instantiate(this.#machine(), of, undefined).fields)
        made.fields.set(name, value);
    });
    return made;
  }

  classes(path: string): ClassValue[] {
    const module = this.#load(path);
    return module
      ? ([...module.scope.values.values()].filter(
          (value) => value.kind === "class" && value.path === path,
        ) as ClassValue[])
      : [];
  }

  #instanceOfType(name: string): Value | undefined {
    const path = SERVICE_CLASS.test(name) ? this.#classPaths.get(name) : undefined;
    if (path === undefined || path === null) return undefined;
    const of = this.#load(path)?.scope.values.get(name);
    return of?.kind === "class" ? this.instanceOf(of) : undefined;
  }
}

/** Transactions that statements find by themselves are switched on. */
const AMBIENT =
  /\.useCLS\s*\(|initializeTransactionalContext|addTransactionalDataSource|ClsPluginTransactional/;

/** `@scope/name` is a package, `@/path` is a file. */
function isPackage(specifier: string): boolean {
  return /^@[a-z\d]/i.test(specifier);
}

function addExport(result: Map<string, Value>, name: string, value: Value | undefined): void {
  if (value) result.set(name, value);
}

function run(machine: Machine, { program, scope, path }: Loaded): void {
  const trace = moduleTrace(path, program);
  aside(machine, trace, () => executeAll(machine, children(program, "body"), scope));
  machine.moduleTraces.push(trace);
}

function moduleTrace(path: string, program: Node): Trace {
  const place = { path, start: program.start, end: program.end };
  return {
    entry: { name: "", place, call: undefined },
    effects: [],
    tests: [],
    returned: [],
    unfollowed: [],
    ended: new Map(),
  };
}

function declaredNames(declaration: Node): string[] {
  if (declaration.type !== "VariableDeclaration") return [nameOf(child(declaration, "id")) ?? ""];
  return children(declaration, "declarations").flatMap((entry) => {
    const id = child(entry, "id");
    if (!id) return [];
    if (id.type === "ObjectPattern")
      return children(id, "properties").map((property) => nameOf(child(property, "value")) ?? "");
    return [nameOf(id) ?? ""];
  });
}

/** Where the class of that name is declared; null where several are. */
function classIndex(files: ReadonlyMap<string, Module>): Map<string, string | null> {
  const index = new Map<string, string | null>();
  for (const [path, { program }] of files) {
    for (const node of children(program, "body")) {
      const declared = node.type.startsWith("Export") ? child(node, "declaration") : node;
      const name = declared?.type === "ClassDeclaration" ? nameOf(child(declared, "id")) : undefined;
      if (name !== undefined) index.set(name, index.has(name) ? null : path);
    }
  }
  return index;
}
