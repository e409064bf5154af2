import { deepStrictEqual, ok } from "node:assert/strict";
import { assert, nat, property, shuffledSubarray } from "fast-check";
import type { SourceFile } from "../../src/review/contract.ts";
import { inspect } from "../../src/review/inspect.ts";
import { RULES } from "../../src/review/rules.ts";
import { corpus, type Case } from "../support/review-corpus.ts";

function rulesOf(files: readonly SourceFile[], strict = false): string[] {
  const { findings } = inspect(files, { strict, at: () => undefined });
  return [...new Set(findings.map(({ ruleId }) => ruleId))].sort();
}

const CASES = corpus();

describe("the corpus of the review", () => {
  for (const { name, files, expected } of CASES) {
    it(`${name}: ${expected.length === 0 ? "nothing to say" : expected.join(", ")}`, () => {
      deepStrictEqual(rulesOf(files), expected);
    });
  }

  it("holds as many safe cases as unsafe ones, nearly, and a case for every rule but the limits", () => {
    const safe = CASES.filter(({ name }) => name.startsWith("safe/"));
    ok(safe.length * 3 > CASES.length, `${safe.length} of ${CASES.length} are safe`);
    const covered = new Set(CASES.flatMap(({ expected }) => expected));
    deepStrictEqual(
      RULES.map(({ id }) => id).filter((id) => !covered.has(id)),
      ["BG093"],
    );
  });

  it("no safe case has a finding of the severity FAIL, and each unsafe one has more than a warning or is named as a warning's", () => {
    for (const { name, files } of CASES) {
      const { findings } = inspect(files, { strict: false, at: () => undefined });
      const fails = findings.filter(({ severity }) => severity === "FAIL").map(({ ruleId }) => ruleId);
      if (name.startsWith("safe/")) deepStrictEqual(fails, [], name);
    }
  });

  it("strict asks for FOR UPDATE by the letter: what is safe without fails, what has it passes", () => {
    for (const { name, files, expected } of CASES.filter((entry) => entry.name.startsWith("safe/"))) {
      const { findings } = inspect(files, { strict: true, at: () => undefined });
      const fails = findings.filter(({ severity }) => severity === "FAIL").map(({ ruleId }) => ruleId);
      deepStrictEqual([...new Set(fails)], expected.includes("BG018") ? ["BG018"] : [], name);
    }
  });
});

/** Moves that change how code looks, and nothing of what it does. */
const MOVES: Readonly<Record<string, (files: readonly SourceFile[], seed: number) => SourceFile[]>> = {
  "other white space": (files, seed) =>
    files.map((file) => ({
      ...file,
      content: file.content.replaceAll(
        /\n[ \t]*/g,
        (_, at: number) => `\n${" ".repeat((at * 7 + seed) % 9)}`,
      ),
    })),
  "comments that speak of locks and refunds": (files, seed) =>
    files.map((file) => {
      const mark = file.path.endsWith(".sql") ? "--" : file.path.endsWith(".py") ? "#" : "//";
      let count = 0;
      return {
        ...file,
        content: file.content.replaceAll(/([;{]) *\n/g, (whole: string, end: string) => {
          count += 1;
          return (count + seed) % 3 === 0
            ? `${end} ${mark} SELECT credits FROM users FOR UPDATE; refunded = true; 差评\n`
            : whole;
        }),
      };
    }),
  "other names of local values": (files, seed) =>
    files.map((file) => {
      let { content } = file;
      for (const [, name] of file.content.matchAll(/\bconst (\w+) = await/g)) {
        if (
          name === undefined ||
          name === "from" ||
          new RegExp(`[.{,]\\s*${name}\\b|\\b${name}\\s*:`).test(content)
        )
          continue;
        content = content.replaceAll(
          new RegExp(`\\b${name}\\b`, "g"),
          `v${seed % 97}`.concat(name.slice(0, 1)),
        );
      }
      return { ...file, content };
    }),
  "a caller in another file": (files) => {
    const [only] = files;
    const head = only && /export async function (\w+)\(([^)]*)\)/.exec(only.content);
    const name = head?.[1];
    if (!only || files.length > 1 || name === undefined || (head?.[2] ?? "").includes("{")) return [...files];
    const params = (head?.[2] ?? "")
      .split(",")
      .map((param) => param.split(":")[0]?.trim() ?? "")
      .filter((param) => param !== "");
    const path = only.path.replace(/\.\w+$/, "");
    return [
      ...files,
      {
        path: "caller.ts",
        content:
          `import { ${name} as inner } from "./${path}";\n` +
          `export async function call(${params.join(", ")}) {\n  return inner(${params.join(", ")});\n}\n`,
      },
    ];
  },
  "wrapped in an arrow function that is exported by default": (files) =>
    files.map((file) => {
      const isPlain =
        file.path.endsWith(".ts") &&
        !/export default/.test(file.content) &&
        /^export async function \w+\([^{}]*\) \{$/m.test(file.content);
      const count = [...file.content.matchAll(/^export async function/gm)].length;
      if (!isPlain || count !== 1 || files.length > 1) return file;
      const content = file.content.replace(
        /^export async function (\w+)\(([^{}]*)\) \{$/m,
        "export const $1 = async ($2) => {",
      );
      return { ...file, content };
    }),
};

describe("a verdict of the review", () => {
  for (const [move, apply] of Object.entries(MOVES)) {
    it(`is the same after this move: ${move}`, () => {
      for (const entry of CASES.filter(({ expected }) => !expected.includes("BG090"))) {
        assert(
          property(nat(1_000), (seed) => {
            deepStrictEqual(rulesOf(apply(entry.files, seed)), entry.expected, entry.name);
          }),
          { numRuns: 5 },
        );
      }
    });
  }

  it("is the same whatever the order of the files, byte for byte", () => {
    const files = CASES.filter(({ files: own }) => own.length === 1).flatMap(({ files: own }) => own);
    const print = (list: readonly SourceFile[]): string =>
      JSON.stringify(inspect(list, { strict: false, at: () => undefined }));
    const first = print(files);
    assert(
      property(shuffledSubarray(files, { minLength: files.length }), (shuffled) => {
        deepStrictEqual(print(shuffled), first);
      }),
      { numRuns: 5 },
    );
  });

  it("names places that exist, with fingerprints that are unique and don't move with the lines", () => {
    const moved = (entry: Case): SourceFile[] =>
      entry.files.map((file) => ({ ...file, content: `\n\n\n${file.content}` }));
    for (const entry of CASES.filter(({ expected }) => !expected.includes("BG090"))) {
      const { findings } = inspect(entry.files, { strict: false, at: () => undefined });
      const later = inspect(moved(entry), { strict: false, at: () => undefined }).findings;
      deepStrictEqual(
        later.map(({ fingerprint }) => fingerprint),
        findings.map(({ fingerprint }) => fingerprint),
        entry.name,
      );
      deepStrictEqual(new Set(findings.map(({ fingerprint }) => fingerprint)).size, findings.length);
      for (const { range, path } of findings) {
        const content = entry.files.find((file) => file.path === path)?.content ?? "";
        ok(range.start.offset <= range.end.offset && range.end.offset <= content.length, entry.name);
        const line = content.split("\n")[range.start.line - 1] ?? "";
        deepStrictEqual(content.slice(range.start.offset - range.start.column + 1).startsWith(line), true);
      }
    }
  });
});
