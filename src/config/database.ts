/** Where the database is, and how connections to it are encrypted. */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import type { DatabaseTls } from "../store/orm.ts";
import { VARIABLES, type Values, type VariableName } from "./variables.ts";

/** What every program that uses the database needs to know. */
export interface DatabaseAccess {
  readonly url: string;
  /** Undefined: connections are plain text. */
  readonly tls: DatabaseTls | undefined;
}

type Tell = (variable: VariableName, rule: string) => void;
type Asked = Partial<Pick<Values, "DATABASE_URL" | "DATABASE_TLS" | "DATABASE_TLS_CA_FILE">>;

/**
 * The way to the database; undefined where it has faults.
 * @param readFile the bytes of the file that a variable names; undefined where it names none
 * @param fault told of each fault
 */
export function readDatabase(
  values: Asked,
  readFile: (variable: VariableName) => Buffer | undefined,
  fault: Tell,
): DatabaseAccess | undefined {
  const { DATABASE_URL: address, DATABASE_TLS: mode, DATABASE_TLS_CA_FILE: caFile } = values;
  if (address === undefined || mode === undefined) return undefined;
  const caPem = readFile("DATABASE_TLS_CA_FILE");
  if (caPem !== undefined && !isCertificate(caPem)) {
    fault("DATABASE_TLS_CA_FILE", "is no certificate in PEM");
  }
  if (caFile !== undefined && mode !== "verify") {
    fault("DATABASE_TLS_CA_FILE", "needs DATABASE_TLS=verify: otherwise nothing is verified by it");
  }
  const url = new URL(address);
  // Drivers differ in the names of such parameters, and one that isn't understood protects nothing.
  if (url.search !== "") fault("DATABASE_URL", "must have no parameters: TLS is set by DATABASE_TLS");
  // The driver compares an address with no name of the certificate, and takes one for "localhost".
  if (mode === "verify" && isIP(url.hostname.replace(/^\[(.*)\]$/, "$1")) !== 0) {
    fault("DATABASE_URL", "must name its host by name: DATABASE_TLS=verify compares names");
  }
  return { url: address, tls: mode === "off" ? undefined : { verifies: mode === "verify", caPem } };
}

const ASKED = ["DATABASE_URL", "DATABASE_TLS", "DATABASE_TLS_CA_FILE"] as const;

/**
 * The same for a program that needs nothing but the database.
 * @returns undefined where DATABASE_URL isn't set
 * @throws Error with every fault
 */
export function databaseIn(
  environment: Readonly<Record<string, string | undefined>>,
): DatabaseAccess | undefined {
  const faults: string[] = [];
  const given = (name: VariableName) => environment[name]?.trim() || undefined;
  if (given("DATABASE_URL") === undefined) return undefined;
  const values: Record<string, unknown> = {};
  for (const name of ASKED) {
    const { schema, rule } = VARIABLES[name];
    const result = schema.safeParse(given(name));
    if (result.success) values[name] = result.data;
    else faults.push(`${name} must be ${rule}`);
  }
  const readFile = (name: VariableName) => {
    const path = given(name);
    return path === undefined ? undefined : readFileSync(path);
  };
  const access = readDatabase(values, readFile, (name, rule) => faults.push(`${name} ${rule}`));
  if (access === undefined || faults.length > 0) throw new Error(faults.join("\n"));
  return access;
}

function isCertificate(pem: Buffer): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}
