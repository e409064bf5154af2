import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { credentials, status, type ServiceError } from "@grpc/grpc-js";
import { Role } from "../../src/gen/billing/option/v1/options.ts";
import { QuotaServiceService as Quota } from "../../src/gen/billing/quota/v1/quota_service.ts";
import { startBareServer, type BareServer } from "../support/bare-server.ts";
import { assertRefused, Caller, toldBy } from "../support/calls.ts";
import { makeCertificate, type Certificate } from "../support/certificate.ts";
import { reserveOf } from "../support/requests.ts";
import { tokenOf } from "../support/service.ts";

const asPipeline = { token: tokenOf("pipeline") };

describe("plain text", () => {
  it("beyond loopback is refused at the start unless it is asked for", async () => {
    for (const host of ["0.0.0.0", "::", "10.0.0.1", "example.org", "1270.0.0.1"]) {
      await assert.rejects(startBareServer({ host }), /plain text is served on loopback only/);
    }
    const bare = await startBareServer({ host: "0.0.0.0", allowPlaintext: true });
    await bare.close();
  });

  it("a port that is taken is a fault at the start", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    await assert.rejects(startBareServer({ port }), /EADDRINUSE|address/i);
    taken.close();
  });
});

describe("TLS", () => {
  const authority = makeCertificate({ commonName: "test authority" });
  const server = makeCertificate({
    commonName: "localhost",
    names: ["DNS:localhost", "IP:127.0.0.1"],
    issuer: authority,
  });
  const named = (...names: string[]) =>
    makeCertificate({ commonName: "caller", names, issuer: authority });
  const channel = (own?: Certificate) => {
    const [key, cert] = own ? [Buffer.from(own.keyPem), Buffer.from(own.certPem)] : [null, null];
    return credentials.createSsl(Buffer.from(authority.certPem), key, cert);
  };
  const tlsWith = (clientCaPem: Buffer | undefined) => ({
    certPem: Buffer.from(server.certPem),
    keyPem: Buffer.from(server.keyPem),
    clientCaPem,
  });
  const identities = [
    { name: "video", roles: [Role.PIPELINE], uriSan: "spiffe://prod/video" },
    { name: "audit", roles: [Role.AUDITOR], uriSan: "spiffe://prod/audit" },
  ];
  /** What an empty ReserveQuota is told over this connection: INVALID_FIELD is for who may call. */
  const reasonFor = async (bare: BareServer, own: Certificate | undefined) => {
    const caller = new Caller(bare.address.replace("127.0.0.1", "localhost"), channel(own));
    try {
      const told = await toldBy(caller.call(Quota.reserveQuota, reserveOf("!")));
      // Again on the same connection, where the certificate is known already.
      assert.equal(
        (await toldBy(caller.call(Quota.reserveQuota, reserveOf("!")))).reason,
        told.reason,
      );
      return told.reason;
    } finally {
      caller.close();
    }
  };

  it("knows callers by the URI in their certificate", async () => {
    const bare = await startBareServer({
      tls: tlsWith(Buffer.from(authority.certPem)),
      identities,
    });
    assert.equal(
      await reasonFor(bare, named("DNS:video", "URI:spiffe://prod/video")),
      "INVALID_FIELD",
    );
    assert.equal(await reasonFor(bare, named("URI:spiffe://prod/audit")), "PERMISSION_DENIED");
    assert.equal(await reasonFor(bare, named("URI:spiffe://prod/other")), "UNAUTHENTICATED");
    assert.equal(await reasonFor(bare, named("DNS:spiffe://prod/video")), "UNAUTHENTICATED");
    const two = named("URI:spiffe://prod/video", "URI:spiffe://prod/audit");
    assert.equal(await reasonFor(bare, two), "UNAUTHENTICATED");
    const sly = named("DNS:x, URI:spiffe://prod/video");
    assert.equal(await reasonFor(bare, sly), "UNAUTHENTICATED");
    await bare.close();
  });

  it("lets nobody in without a certificate of the right authority", async () => {
    const bare = await startBareServer({
      tls: tlsWith(Buffer.from(authority.certPem)),
      identities,
    });
    const stranger = makeCertificate({ commonName: "caller", names: ["URI:spiffe://prod/video"] });
    for (const own of [undefined, stranger]) {
      const caller = new Caller(bare.address.replace("127.0.0.1", "localhost"), channel(own));
      const call = caller.call(Quota.reserveQuota, reserveOf("u1"), { deadlineMs: 30_000 });
      await assert.rejects(call, ({ code }: ServiceError) => code === status.UNAVAILABLE);
      caller.close();
    }
    await bare.close();
  });

  it("without an authority for clients takes bearer tokens beyond loopback", async () => {
    const bare = await startBareServer({ tls: tlsWith(undefined), host: "0.0.0.0" });
    const caller = new Caller(`localhost:${bare.server.port}`, channel());
    await assertRefused(
      caller.call(Quota.reserveQuota, reserveOf("!"), asPipeline),
      "INVALID_FIELD",
    );
    await assertRefused(caller.call(Quota.reserveQuota, reserveOf("!")), "UNAUTHENTICATED");
    caller.close();
    await bare.close();
  });
});
