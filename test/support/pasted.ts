/**
 * A document's shell commands, pasted one block after the other into one shell, as a reader would.
 * They call through `buf curl`, which the packages bring; grpcurl is its readers' own.
 */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

import { fromBinary, type Message } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { loadContract } from "../../src/wire/contract.ts";
import { callsOf, ROOT, type CodeBlock } from "./documents.ts";

/** What a block of commands has led to. */
export interface Pasted {
  /** The commands, as they stand in the document. */
  readonly commands: string;
  /** What the document shows right below them; undefined where it shows nothing. */
  readonly shown: string | undefined;
  /** What they have printed. */
  readonly printed: string;
  readonly refusals: readonly PastedRefusal[];
  /** Commands that failed. */
  readonly failures: number;
}

export interface PastedRefusal {
  readonly message: string;
  readonly reason: string;
}

export interface PasteOptions {
  /** The project's folder, where the reader's shell stands. */
  readonly cwd: string;
  /** The server, in place of the address that the document names. */
  readonly address: string;
}

const ADDRESS_SHOWN = "127.0.0.1:50051";

/** Counts what fails, takes grpcurl's words for buf, and runs what npx would find in PATH. */
const PRELUDE = `
counted() { "$@" 2>>"$errors" || { echo >>"$failures"; return 1; }; }
grpcurl() {
  counted buf curl --protocol grpc --http2-prior-knowledge "$2" "$3" "$4" "$5" "http://$6/$7"
}
billing() { counted pasted "$@"; }
npx() { counted "$@"; }
`;

/** Pastes the blocks of commands that call the service. @throws Error when the shell can't. */
export async function paste(
  blocks: readonly CodeBlock[],
  { cwd, address }: PasteOptions,
): Promise<Pasted[]> {
  const shell = blocks.filter(({ language }) => language === "sh");
  const setUp = shell.find(({ text }) => text.includes("billing() {\n"))?.text ?? "";
  const caller = shell.find(({ text }) => text.includes("npx buf curl"))?.text ?? "";
  const toPaste = shell.filter(
    (block) => callsOf(block).length > 0 || block.text.includes("bin/billing-hook.ts"),
  );
  const script = [
    setUp,
    // The other way to call that the document gives, under a name that can be wrapped.
    caller.replace("billing()", "pasted()").replace("npx buf", "buf"),
    PRELUDE,
    ...toPaste.flatMap(({ text }, at) => [
      `errors=errors.${at}; failures=failures.${at}`,
      `{\n${text}} >printed.${at}`,
    ]),
  ].join("\n");
  const file = join(cwd, "pasted.sh");
  for (const at of toPaste.keys()) {
    for (const name of ["errors", "failures"]) writeFileSync(join(cwd, `${name}.${at}`), "");
  }
  writeFileSync(file, script.replaceAll(ADDRESS_SHOWN, address));
  const path = [join(ROOT, "node_modules/.bin"), process.env["PATH"] ?? ""].join(delimiter);
  const env = { ...process.env, PATH: path, BILLING_SPOOL_DIR: join(cwd, "spool") };
  // What fails is counted; without this the last command's exit code would be the shell's.
  await promisify(execFile)("bash", ["-c", ". ./pasted.sh; exit 0"], { cwd, env });
  const read = (name: string) => readFileSync(join(cwd, name), "utf8");
  return toPaste.map((block, at) => ({
    commands: block.text,
    shown: shownBelow(blocks, block),
    printed: read(`printed.${at}`),
    refusals: jsonDocuments(read(`errors.${at}`)).map(refusalOf),
    failures: read(`failures.${at}`).length,
  }));
}

function shownBelow(blocks: readonly CodeBlock[], block: CodeBlock): string | undefined {
  const next = blocks[blocks.indexOf(block) + 1];
  return next?.language === "json" || next?.language === "text" ? next.text : undefined;
}

/** The JSON documents in a text that has nothing else, one after the other. */
export function jsonDocuments(text: string): unknown[] {
  const documents: unknown[] = [];
  let pending = "";
  for (const line of text.split("\n")) {
    pending += line;
    // A document may end with any line; what is no JSON yet goes on in the next.
    const document = parsed(pending);
    if (document === undefined) continue;
    documents.push(document);
    pending = "";
  }
  if (pending.trim() !== "") throw new Error(`not JSON: ${text}`);
  return documents;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

interface BufError {
  readonly message: string;
  readonly details: readonly { readonly type: string; readonly value: string }[];
}

function refusalOf(document: unknown): PastedRefusal {
  const { message, details } = document as BufError;
  const info = details.find(({ type }) => type === "google.rpc.ErrorInfo");
  const schema = loadContract().registry.getMessage("google.rpc.ErrorInfo");
  if (info === undefined || schema === undefined) throw new Error(`no reason in ${message}`);
  const decoded = fromBinary(schema, base64Decode(info.value)) as Message & { reason: string };
  return { message, reason: decoded.reason };
}
