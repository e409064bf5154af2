import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import * as fc from "fast-check";

import { ConfigError, loadConfig } from "../../src/config.ts";
import { VARIABLES } from "../../src/config/variables.ts";
import { Role } from "../../src/gen/billing/option/v1/options.ts";
import { makeCertificate } from "../support/certificate.ts";
import { freshDirectory } from "../support/servers.ts";

const TOKEN_SHA256 = createHash("sha256").update("a token").digest("hex");
const PIPELINE = { name: "pipeline-video", roles: ["pipeline"], token_sha256: TOKEN_SHA256 };

let directory: string;
let identitiesFile: string;

before(async () => {
  directory = await freshDirectory();
  identitiesFile = write("identities.json", JSON.stringify([PIPELINE]));
});

describe("the configuration", () => {
  it("needs a database and callers only, and is safe with all the rest left out", () => {
    const config = loadConfig(minimal());
    assert.equal(config.database.url, "mysql://billing:hunter2@db.internal:3306/billing");
    assert.deepEqual(config.grpc, { host: "127.0.0.1", port: 50_051, tls: undefined });
    assert.equal(config.database.allowWeakDurability, false);
    assert.equal(config.redis, undefined);
    assert.equal(config.tracing, undefined);
    assert.equal(config.refundWindowMs, 168 * 3_600_000);
    assert.deepEqual(config.identities, [
      {
        name: "pipeline-video",
        roles: [Role.PIPELINE],
        tokenSha256: TOKEN_SHA256,
        uriSan: undefined,
      },
    ]);
  });

  it("counts a variable that is set to nothing as not set", () => {
    const config = loadConfig(minimal({ REDIS_URL: "", GRPC_PORT: " ", TLS_CERT_FILE: "" }));
    assert.equal(config.redis, undefined);
    assert.equal(config.grpc.port, 50_051);
  });

  it("lists every fault at once, with the name, the rule and what was given", () => {
    const faults = faultsOf({
      REDIS_URL: "http://redis",
      GRPC_PORT: "65536",
      METRICS_PORT: "-1",
      TELLER_LANES: "4.5",
      TELLER_BATCH_MAX: "0",
      LOG_LEVEL: "loud",
      TRACE_SAMPLE_RATIO: "2",
      GRPC_ALLOW_PLAINTEXT: "yes",
      DRAIN_TIMEOUT_SECONDS: "0x10",
    });
    const expected = [
      /^DATABASE_URL is not set: a URL such as mysql:/,
      /^IDENTITIES_FILE is not set: the path of a file$/,
      /^REDIS_URL must be a URL such as redis:.* \(given: "http:\/\/…redis\/"\)$/,
      /^GRPC_PORT must be a port from 0 to 65535 \(given: "65536"\)$/,
      /^METRICS_PORT must be a port from 0 to 65535 \(given: "-1"\)$/,
      /^TELLER_LANES must be a whole number of lanes from 1 to 64 \(given: "4.5"\)$/,
      /^TELLER_BATCH_MAX must be .* from 1 to 1024 \(given: "0"\)$/,
      /^LOG_LEVEL must be one of debug, info, warn, error \(given: "loud"\)$/,
      /^TRACE_SAMPLE_RATIO must be a number from 0 to 1 \(given: "2"\)$/,
      /^TRACE_SAMPLE_RATIO needs OTEL_EXPORTER_OTLP_ENDPOINT/,
      /^GRPC_ALLOW_PLAINTEXT must be true or false \(given: "yes"\)$/,
      /^DRAIN_TIMEOUT_SECONDS must be .* \(given: "0x10"\)$/,
    ];
    for (const line of expected)
      assert.ok(
        faults.some((fault) => line.test(fault)),
        `${line}`,
      );
    assert.equal(faults.length, expected.length);
  });

  it("refuses what is right alone and wrong together", () => {
    const { certFile, keyFile } = writeCertificate("server");
    const cases: [Record<string, string>, RegExp][] = [
      [{ TLS_CERT_FILE: certFile }, /^TLS_KEY_FILE must be set together with TLS_CERT_FILE$/],
      [{ TLS_KEY_FILE: keyFile }, /^TLS_CERT_FILE must be set together with TLS_KEY_FILE$/],
      [{ TLS_CLIENT_CA_FILE: certFile }, /^TLS_CLIENT_CA_FILE needs TLS_CERT_FILE/],
      [{ GRPC_HOST: "0.0.0.0" }, /^GRPC_HOST is not loopback/],
      [{ GRPC_HOST: "billing.internal" }, /^GRPC_HOST is not loopback/],
      [
        { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile, GRPC_ALLOW_PLAINTEXT: "true" },
        /^GRPC_ALLOW_PLAINTEXT contradicts TLS_CERT_FILE/,
      ],
      [{ DB_POOL_MAX: "4", TELLER_LANES: "4" }, /^DB_POOL_MAX must be more than TELLER_LANES/],
      [{ TELLER_QUEUE_MAX: "255" }, /^TELLER_QUEUE_MAX must be at least TELLER_BATCH_MAX/],
      [{ METRICS_PORT: "50051" }, /^METRICS_PORT must not be GRPC_PORT/],
      [{ TRACE_SAMPLE_RATIO: "0.5" }, /^TRACE_SAMPLE_RATIO needs OTEL_EXPORTER_OTLP_ENDPOINT/],
    ];
    for (const [variables, expected] of cases) {
      const faults = faultsOf(minimal(variables));
      assert.equal(faults.length, 1, `${JSON.stringify(variables)}: ${faults.join("; ")}`);
      assert.match(faults[0]!, expected);
    }
  });

  it("listens beyond loopback in plain text only when told to", () => {
    const variables = minimal({ GRPC_HOST: "0.0.0.0", GRPC_ALLOW_PLAINTEXT: "true" });
    assert.equal(loadConfig(variables).grpc.tls, undefined);
  });

  it("reads a certificate with its key, and refuses a stranger's key or an expired one", () => {
    const own = writeCertificate("own");
    const other = writeCertificate("other");
    const config = loadConfig(
      minimal({ TLS_CERT_FILE: own.certFile, TLS_KEY_FILE: own.keyFile, GRPC_HOST: "0.0.0.0" }),
    );
    assert.equal(new X509Certificate(config.grpc.tls!.certPem).subject, "CN=own");
    const strangers = { TLS_CERT_FILE: own.certFile, TLS_KEY_FILE: other.keyFile };
    assert.match(faultsOf(minimal(strangers))[0]!, /^TLS_KEY_FILE is not the key of/);
    const old = writeCertificate("old", new Date("2020-01-01"));
    const wornOut = { TLS_CERT_FILE: old.certFile, TLS_KEY_FILE: old.keyFile };
    assert.match(faultsOf(minimal(wornOut))[0]!, /^TLS_CERT_FILE ran out on 2020-01-01/);
    const garbage = { TLS_CERT_FILE: own.keyFile, TLS_KEY_FILE: own.certFile };
    assert.deepEqual(
      faultsOf(minimal(garbage)).map((fault) => fault.split(" (given")[0]),
      [
        "TLS_CERT_FILE is no certificate in PEM",
        "TLS_KEY_FILE is no private key in PEM, or it has a passphrase",
      ],
    );
  });

  it("names a file that isn't there", () => {
    const missing = join(directory, "nowhere.json");
    const faults = faultsOf(minimal({ IDENTITIES_FILE: missing }));
    assert.deepEqual(faults, [`IDENTITIES_FILE can't be read: ENOENT (given: "${missing}")`]);
  });

  it("never shows a password or a token in its faults", () => {
    const canary = "canary-7f3a";
    const bad = write("bad.json", JSON.stringify([{ ...PIPELINE, token_sha256: canary }, canary]));
    const broken = write("broken.json", `[{"token": "${canary}"`);
    for (const url of [
      `postgres://user:${canary}@host/schema`,
      `mysql://user:${canary}@host:port/schema`,
      `user:${canary}@host/schema`,
      `mysql://${canary}@/schema`,
      `mysql://host/?password=${canary}`,
      canary,
    ]) {
      for (const IDENTITIES_FILE of [bad, broken]) {
        const faults = faultsOf({ DATABASE_URL: url, REDIS_URL: url, IDENTITIES_FILE });
        assert.ok(faults.length >= 3, faults.join("\n"));
        assert.ok(!faults.join("\n").includes(canary), faults.join("\n"));
      }
    }
  });

  it("gives a configuration or a ConfigError for any environment", () => {
    const names = fc.constantFrom(...Object.keys(VARIABLES));
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.webUrl(), fc.integer().map(String));
    fc.assert(
      fc.property(fc.dictionary(names, text), (environment) => {
        try {
          loadConfig({ ...minimal(), ...environment });
        } catch (error) {
          assert.ok(error instanceof ConfigError, String(error));
          assert.ok(error.faults.length > 0);
        }
      }),
      // Random URLs are slow to make; the rules themselves have tests of their own.
      { numRuns: 40 },
    );
  });
});

describe("the callers of IDENTITIES_FILE", () => {
  const faultsIn = (identities: unknown) => {
    const file = write("own.json", JSON.stringify(identities));
    return faultsOf(minimal({ IDENTITIES_FILE: file })).map((fault) => fault.split(" (given")[0]);
  };

  it("are refused with the place of each fault", () => {
    const faults = faultsIn([
      { ...PIPELINE, name: "two words" },
      { ...PIPELINE, roles: ["pipeline", "boss"] },
      { ...PIPELINE, roles: [] },
      { ...PIPELINE, token_sha256: "short" },
      { name: "nobody", roles: ["auditor"] },
      { ...PIPELINE, token: "in the clear" },
    ]);
    const places = ["[0].name", "[1].roles[1]", "[2].roles", "[3].token_sha256", "[4]", "[5]"];
    assert.equal(faults.length, places.length, faults.join("\n"));
    for (const [at, place] of places.entries()) {
      assert.ok(faults[at]?.startsWith(`IDENTITIES_FILE ${place} `), faults[at]);
    }
  });

  it("have names and credentials of their own", () => {
    const faults = faultsIn([PIPELINE, { ...PIPELINE, name: "other" }, PIPELINE]);
    assert.deepEqual(faults, [
      "IDENTITIES_FILE [2].name is that of [0] too",
      "IDENTITIES_FILE [1].token_sha256 is that of [0] too",
      "IDENTITIES_FILE [2].token_sha256 is that of [0] too",
    ]);
  });

  it("are at least one", () => {
    assert.deepEqual(faultsIn([]), ["IDENTITIES_FILE the list must list at least one caller"]);
  });

  it("can be known by a certificate only where certificates are asked for", () => {
    const [fault] = faultsIn([
      { name: "storefront", roles: ["storefront"], uri_san: "spiffe://a/b" },
    ]);
    assert.match(fault!, /TLS_CLIENT_CA_FILE$/);
  });
});

describe("docs/configuration.md", () => {
  it("has the table of all variables with their rules and defaults", () => {
    const rows = Object.entries(VARIABLES).map(([name, { rule, fallback, required, about }]) => {
      const preset = required ? "**required**" : fallback === undefined ? "-" : `\`${fallback}\``;
      return `| \`${name}\` | ${about} | ${rule} | ${preset} |`;
    });
    const head = ["| variable | what it is for | rule | default |", "| --- | --- | --- | --- |"];
    const table = [...head, ...rows].join("\n");
    const text = readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8");
    assert.ok(text.includes(table), `the table has to be:\n${table}`);
  });
});

function minimal(more: Record<string, string> = {}): Record<string, string> {
  return {
    DATABASE_URL: "mysql://billing:hunter2@db.internal:3306/billing",
    IDENTITIES_FILE: identitiesFile,
    ...more,
  };
}

function faultsOf(environment: Record<string, string>): string[] {
  try {
    loadConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split("\n");
    throw error;
  }
  return [];
}

function write(name: string, content: string): string {
  const file = join(directory, name);
  writeFileSync(file, content);
  return file;
}

function writeCertificate(name: string, until?: Date) {
  const { certPem, keyPem } = makeCertificate({ commonName: name, until });
  return { certFile: write(`${name}.crt`, certPem), keyFile: write(`${name}.key`, keyPem) };
}
