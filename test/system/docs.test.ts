import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";

import { VARIABLES } from "../../src/config/variables.ts";
import { ErrorReason } from "../../src/gen/billing/error/v1/error_reason.ts";
import { loadContract } from "../../src/wire/contract.ts";
import { METHODS } from "../support/contract.ts";
import { allDocuments, anchorsOf, callsOf, readDocument, ROOT } from "../support/documents.ts";

const { registry } = loadContract();
const WITH_CALLS = ["README.md", "docs/operations.md"];

describe("the documents", () => {
  it("link to files and headings that exist", () => {
    const documents = allDocuments();
    const anchors = new Map(documents.map((document) => [document.path, anchorsOf(document)]));
    let followed = 0;
    const broken = documents.flatMap(({ path, links }) =>
      links
        .filter((link) => !/^[a-z]+:/.test(link))
        .filter((link) => {
          followed += 1;
          const [file = "", anchor] = link.split("#");
          const target = file === "" ? path : join(dirname(path), file);
          if (!existsSync(join(ROOT, target)) || target.startsWith("..")) return true;
          return anchor !== undefined && !anchors.get(target)?.includes(anchor);
        })
        .map((link) => `${path}: ${link}`),
    );
    assert.deepEqual(broken, []);
    assert.ok(followed >= 50, `only ${followed} links were found`);
  });

  it("are all reachable from the README, so that nothing is written for nobody", () => {
    const unseen = new Set(allDocuments().map(({ path }) => path));
    const visit = (path: string): void => {
      if (!unseen.delete(path)) return;
      for (const link of readDocument(path).links) {
        visit(relative(ROOT, join(ROOT, dirname(path), link.split("#")[0] ?? "")));
      }
    };
    visit("README.md");
    assert.deepEqual([...unseen], []);
  });

  it("say the same in Chinese: the same headings, the same code, the same links", () => {
    const english = readDocument("README.md");
    const chinese = readDocument("README.zh-CN.md");
    const levels = ({ headings }: typeof english) => headings.map(({ level }) => level);
    assert.deepEqual(levels(chinese), levels(english));
    assert.deepEqual(chinese.blocks, english.blocks);
    // Each links to the other; which comes first within a sentence is the language's affair.
    const links = ({ links: all }: typeof english) =>
      all.filter((link) => !link.startsWith("README")).toSorted();
    assert.deepEqual(links(chinese), links(english));
  });
});

for (const path of WITH_CALLS) {
  describe(path, () => {
    const { blocks, names } = readDocument(path);
    const calls = blocks.filter(({ language }) => language === "sh").flatMap(callsOf);

    it("shows calls that the contract has, with fields and values that it takes", () => {
      assert.ok(calls.length >= 2);
      for (const { service, method, json } of calls) {
        const known = METHODS.find(
          ({ parent, name }) => parent.typeName === service && name === method,
        );
        assert.ok(known, `${service}/${method} is not in the contract`);
        const request = JSON.parse(json) as JsonValue;
        assert.doesNotThrow(
          () => fromJson(known.input, request, { registry, ignoreUnknownFields: false }),
          `${service}/${method} ${json}`,
        );
      }
    });

    it("names only methods, messages, reasons, values and variables that there are", () => {
      const known = knownNames();
      const looksLikeOurs = /^(?:[A-Z][a-z]+){2,}$|^[A-Z]+(?:_[A-Z]+)+$/;
      const asked = names.map((name) => name.replace(/=.*$/, "").replace(/\.$/, ""));
      assert.deepEqual(
        asked.filter((name) => looksLikeOurs.test(name) && !known.has(name)),
        [],
      );
    });
  });
}

describe("docs/operations.md", () => {
  it("names only metrics that the server has", () => {
    const files = readdirSync(join(ROOT, "src/telemetry")).map((name) => `src/telemetry/${name}`);
    const sources = [...files, "src/queue/metrics.ts"].map((path) =>
      readFileSync(join(ROOT, path), "utf8").replaceAll(".", "_"),
    );
    const { prose } = readDocument("docs/operations.md");
    const asked = prose.match(/\b(?:billing|rpc_server|nodejs|process)_[a-z_]+\b/g) ?? [];
    assert.ok(asked.length >= 5, asked.join());
    const isKnown = (series: string): boolean => {
      const name = series.replace(/_(?:total|seconds)$/, "");
      return sources.some((source) => source.includes(`"${name}`));
    };
    assert.deepEqual(
      asked.filter((series) => !isKnown(series)),
      [],
    );
  });
});

/** What a document may name: in the contract, in the configuration, and the codes of gRPC. */
function knownNames(): ReadonlySet<string> {
  const types = [...registry];
  const messages = types.flatMap((type) => (type.kind === "message" ? [type.name] : []));
  const values = types.flatMap((type) =>
    type.kind === "enum" ? type.values.map(({ name }) => name) : [],
  );
  const reasons = Object.keys(ErrorReason).filter((name) => Number.isNaN(Number(name)));
  const codes = Object.keys(status).map((name) =>
    name.toLowerCase().replaceAll(/(?:^|_)(.)/g, (_, letter: string) => letter.toUpperCase()),
  );
  return new Set([
    ...METHODS.map(({ name }) => name),
    ...messages,
    ...values,
    ...reasons.map((name) => name.replace(/^ERROR_REASON_/, "")),
    ...codes,
    ...Object.keys(VARIABLES),
  ]);
}
