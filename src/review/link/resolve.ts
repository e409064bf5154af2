/** Import paths to files among those that are given. */

const ENDINGS = [
  "",
  ".ts",
  ".tsx",
  ".mts",
  ".cts",
  ".js",
  ".jsx",
  ".mjs",
  ".cjs",
  "/index.ts",
  "/index.tsx",
  "/index.js",
  "/index.mjs",
  "/index.cjs",
];

export interface Resolver {
  /** The file that a specifier names; undefined where it isn't given. */
  resolve(from: string, specifier: string): string | undefined;
}

export function resolverOf(paths: Iterable<string>): Resolver {
  const known = new Set(paths);
  const byTail = new Map<string, string | null>();
  for (const path of [...known].sort()) {
    const parts = withoutEnding(path).split("/");
    for (let at = 0; at < parts.length; at += 1) {
      const tail = parts.slice(at).join("/");
      // What two files could be is none of them.
      byTail.set(tail, byTail.has(tail) ? null : path);
    }
  }
  const find = (path: string): string | undefined => {
    const candidates = [
      ...ENDINGS.map((ending) => path + ending),
      ...ENDINGS.map((ending) => withoutEnding(path) + ending),
    ];
    return candidates.find((candidate) => known.has(candidate));
  };
  return {
    resolve(from, specifier) {
      if (specifier.startsWith(".")) return find(join(from, specifier));
      // Aliases such as "@/lib/db", "~/lib/db", "#lib/db" and "src/lib/db".
      const alias =
        /^(?:[@~#]\/?|\$)(.+)$/.exec(specifier)?.[1] ??
        (specifier.startsWith("src/") ? specifier : undefined);
      if (alias === undefined) return undefined;
      const tail = withoutEnding(alias);
      return (
        find(alias) ?? find(`src/${alias}`) ?? byTail.get(tail) ?? byTail.get(`${tail}/index`) ?? undefined
      );
    },
  };
}

function withoutEnding(path: string): string {
  return path.replace(/\.(?:d\.)?[cm]?[jt]sx?$/, "");
}

function join(from: string, specifier: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

const IMPORTS = /(?:\bfrom\s*|\brequire\s*\(\s*|\bimport\s*\(?\s*)["']([^"'\n]{1,300})["']/g;

/** What a file imports, read without its syntax tree. */
export function importsOf(content: string): string[] {
  return [...new Set([...content.matchAll(IMPORTS)].map((match) => match[1] ?? ""))].sort();
}
