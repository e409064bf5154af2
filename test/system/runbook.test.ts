import assert from "node:assert/strict";
import { cpSync, symlinkSync } from "node:fs";
import { join } from "node:path";

import { readDocument, ROOT } from "../support/documents.ts";
import { jsonDocuments, paste, type Pasted } from "../support/pasted.ts";
import { killPrograms, startProgram } from "../support/program.ts";
import { flavours, freshDirectory, freshSchema, sharedRedis } from "../support/servers.ts";

const UP = /^Ctrl-C stops everything/;
const DOCUMENTS = ["README.md", "docs/operations.md"];

/** `npm start` on a database of its own, in a folder as a clone has it. */
async function startDemo(): Promise<{ cwd: string; address: string }> {
  const cwd = join(await freshDirectory(), "project");
  for (const part of ["bin", "migrations", "src", "package.json", "buf.yaml", "proto"]) {
    cpSync(join(ROOT, part), join(cwd, part), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(cwd, "node_modules"));
  const [flavour = "mariadb"] = flavours().toReversed();
  const { url } = await freshSchema(flavour);
  const redis = await sharedRedis();
  const program = startProgram(["bin/start.ts"], {
    cwd,
    env: { DATABASE_URL: url, REDIS_URL: redis.url, GRPC_PORT: "0", METRICS_PORT: "0" },
  });
  await program.line(UP);
  const [, address = ""] = /gRPC on (\S+),/.exec(await program.line(/gRPC on/)) ?? [];
  return { cwd, address };
}

describe("the commands of the documents", () => {
  let demo: { cwd: string; address: string };
  before(async () => {
    demo = await startDemo();
  });
  after(killPrograms);

  for (const path of DOCUMENTS) {
    it(`${path}: each works when pasted, top to bottom, and prints what is shown`, async () => {
      const results = await paste(readDocument(path).blocks, demo);
      assert.ok(results.length >= 2, `${results.length} blocks`);
      for (const result of results) {
        if (result.shown?.startsWith("ERROR:")) assertRefused(result);
        else assertPassed(result);
      }
    });
  }
});

function assertPassed({ commands, failures, refusals, shown, printed }: Pasted): void {
  assert.deepEqual({ failures, refusals }, { failures: 0, refusals: [] }, commands);
  if (shown === undefined) return;
  const lines = jsonDocuments(printed).flatMap((document) =>
    JSON.stringify(document, null, 2).split("\n").map(comparable),
  );
  let from = 0;
  for (const line of shown.split("\n").map(comparable)) {
    if (line === "" || line === "…") continue;
    const at = lines.indexOf(line, from);
    assert.ok(at >= 0, `${commands}\ndoesn't print, at its place:\n${line}\nbut:\n${printed}`);
    from = at + 1;
  }
}

/** The last command of the block is refused, in the words and for the reason that are shown. */
function assertRefused({ commands, failures, refusals, shown = "" }: Pasted): void {
  assert.equal(failures, 1, commands);
  const message = /^ {2}Message: (.*)$/m.exec(shown)?.[1];
  const reason = /"reason": "(\w+)"/.exec(shown)?.[1];
  assert.deepEqual(refusals, [{ message, reason }], commands);
}

/** A line without what differs each time: ids, times, waits, page tokens, and the comma. */
function comparable(line: string): string {
  return line
    .trim()
    .replace(/,$/, "")
    .replaceAll(/\b(rsv|grt|apr|rev|op)_[0-9A-Z]+/g, "$1_…")
    .replaceAll(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, "TIME")
    .replaceAll(/"\d+\.\d+s"/g, "WAIT")
    .replace(/("nextPageToken":) .*/, "$1 TOKEN");
}
