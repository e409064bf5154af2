import assert from "node:assert/strict";
import { Metadata } from "@grpc/grpc-js";
import { Role } from "../../src/gen/billing/option/v1/options.ts";
import { maskOf } from "../../src/wire/contract.ts";
import { createAuthenticator, onlyUriSan, type SurfaceCall } from "../../src/wire/identity.ts";
import { sha256 } from "../support/service.ts";

/** A call as far as an authenticator looks at it. */
function callWith(authorization: string[], subjectaltname?: string): SurfaceCall {
  const metadata = new Metadata();
  for (const value of authorization) metadata.add("authorization", value);
  const certificate =
    subjectaltname === undefined ? {} : { sslPeerCertificate: { subjectaltname } };
  return {
    metadata,
    cancelled: false,
    getDeadline: () => Infinity,
    getAuthContext: () => certificate,
  } as SurfaceCall;
}

describe("bearer tokens", () => {
  const authenticator = createAuthenticator([
    { name: "one", roles: [Role.PIPELINE], tokenSha256: sha256("secret-1") },
    { name: "two", roles: [Role.OPERATOR, Role.FINANCE], tokenSha256: sha256("secret-2") },
    { name: "three", roles: [Role.AUDITOR], uriSan: "spiffe://prod/audit" },
  ]);
  const nameOf = (...headers: string[]) => authenticator.identify(callWith(headers))?.caller.name;

  it("identify who holds them, each time", () => {
    for (let time = 0; time < 3; time++) {
      assert.equal(nameOf("Bearer secret-1"), "one");
      assert.equal(nameOf("bearer secret-2"), "two");
    }
    const known = authenticator.identify(callWith(["Bearer secret-2"]));
    assert.equal(known?.roles, maskOf([Role.OPERATOR, Role.FINANCE]));
  });

  it("that are unknown, malformed, doubled or endless identify nobody", () => {
    const bad = [
      "",
      "secret-1",
      "Basic secret-1",
      "Bearer",
      "Bearer ",
      "Bearer secret-1 x",
      "Bearer secret-10",
    ];
    for (const header of [
      ...bad,
      sha256("secret-1"),
      `Bearer ${sha256("secret-1")}`,
      `Bearer ${"x".repeat(5_000)}`,
    ]) {
      assert.equal(nameOf(header), undefined, header.slice(0, 40));
    }
    assert.equal(nameOf("Bearer secret-1", "Bearer secret-2"), undefined);
    assert.equal(nameOf(), undefined);
  });

  it("decide also on a connection that has a certificate", () => {
    const san = "URI:spiffe://prod/audit";
    assert.equal(authenticator.identify(callWith([], san))?.caller.name, "three");
    assert.equal(authenticator.identify(callWith(["Bearer secret-1"], san))?.caller.name, "one");
    assert.equal(authenticator.identify(callWith(["Bearer wrong"], san)), undefined);
  });
});

describe("certificates", () => {
  it("identify by their only URI", () => {
    assert.equal(
      onlyUriSan("DNS:localhost, URI:spiffe://prod/a, IP Address:127.0.0.1"),
      "spiffe://prod/a",
    );
    assert.equal(onlyUriSan("DNS:localhost"), undefined);
    assert.equal(onlyUriSan(""), undefined);
    assert.equal(onlyUriSan("URI:spiffe://prod/a, URI:spiffe://prod/b"), undefined);
  });

  it("whose names pretend to be several identify nobody", () => {
    assert.equal(onlyUriSan('DNS:"x, URI:spiffe://prod/admin"'), undefined);
    assert.equal(onlyUriSan('URI:"spiffe://prod/a, URI:spiffe://prod/b"'), undefined);
  });
});
