/** The server's certificate, its key and its callers' authorities, read and checked together. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { VariableName } from "./variables.ts";

/** PEM texts. */
export interface Tls {
  readonly certPem: Buffer;
  readonly keyPem: Buffer;
  /** With it, callers are asked for their certificate. */
  readonly clientCaPem: Buffer | undefined;
}

/**
 * The files that the variables name; undefined where there are none.
 * @param readFile undefined for a variable that isn't set, or whose file was found faulty already
 * @param fault told of each fault
 */
export function readTls(
  readFile: (variable: VariableName) => Buffer | undefined,
  fault: (variable: VariableName, rule: string) => void,
): Tls | undefined {
  const certPem = readFile("TLS_CERT_FILE");
  const keyPem = readFile("TLS_KEY_FILE");
  const clientCaPem = readFile("TLS_CLIENT_CA_FILE");
  const certificate = certPem && parsed(() => new X509Certificate(certPem));
  const key = keyPem && parsed(() => createPrivateKey(keyPem));
  if (certPem && !certificate) fault("TLS_CERT_FILE", "is no certificate in PEM");
  if (keyPem && !key) fault("TLS_KEY_FILE", "is no private key in PEM, or it has a passphrase");
  if (clientCaPem && !parsed(() => new X509Certificate(clientCaPem))) {
    fault("TLS_CLIENT_CA_FILE", "is no certificate in PEM");
  }
  if (certificate && key && !certificate.checkPrivateKey(key)) {
    fault("TLS_KEY_FILE", "is not the key of the certificate in TLS_CERT_FILE");
  }
  if (certificate && certificate.validToDate.getTime() < Date.now()) {
    fault("TLS_CERT_FILE", `ran out on ${certificate.validToDate.toISOString()}`);
  }
  return certPem && keyPem && { certPem, keyPem, clientCaPem };
}

/** Undefined for what can't be parsed: the caller says so without quoting it. */
function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
