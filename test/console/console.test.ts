import assert from "node:assert/strict";
import { request } from "node:http";
import { HOUR_MS, MINUTE_MS } from "../../src/billing/clock.ts";
import { ROLE_BY_NAME, tokenOf } from "../support/service.ts";
import { HOSTILE_SERVICE, openDesk, type Desk } from "./desk.ts";

const DATA = ["today", "course", "alerts", "discrepancies", "reports"];

describe("the console's server", () => {
  let desk: Desk;
  before(async () => {
    desk = await openDesk();
  });
  after(() => desk.close());

  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(new URL(path, desk.console.url), { headers, redirect: "manual" });
  const login = (token: unknown) =>
    fetch(new URL("login", desk.console.url), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
    });
  const cookieOf = (answer: Response) => answer.headers.get("set-cookie")!.split(";")[0]!;
  const bearer = (name: string) => ({ authorization: `Bearer ${tokenOf(name)}` });
  const status = async (answer: Promise<Response>) => {
    const { status: code, body } = await answer;
    await body?.cancel();
    return code;
  };

  it("shows data to finance, auditors and administrators, and to nobody else", async () => {
    for (const path of DATA) {
      assert.equal(await status(get(`api/${path}`)), 401);
      for (const name of Object.keys(ROLE_BY_NAME)) {
        const may = ["finance", "auditor", "admin"].includes(name);
        assert.equal(await status(get(`api/${path}`, bearer(name))), may ? 200 : 401, name);
      }
      assert.equal(await status(get(`api/${path}`, { authorization: "Bearer wrong" })), 401);
    }
  });

  it("exchanges a token for a session that scripts can't read, and forgets it on logging out", async () => {
    const answer = await login(tokenOf("finance"));
    assert.deepEqual(await answer.json(), { name: "finance" });
    const given = answer.headers.get("set-cookie")!;
    assert.match(given, /HttpOnly; SameSite=Strict$/);
    assert.doesNotMatch(given, new RegExp(tokenOf("finance")));
    const cookie = cookieOf(answer);
    assert.equal(await status(get("api/reports", { cookie })), 200);
    const out = new URL("logout", desk.console.url);
    await fetch(out, { method: "POST", headers: { cookie } });
    assert.equal(await status(get("api/reports", { cookie })), 401);
  });

  it("ends a session after eight hours", async () => {
    const cookie = cookieOf(await login(tokenOf("auditor")));
    desk.advance(8 * HOUR_MS - MINUTE_MS);
    assert.equal(await status(get("api/reports", { cookie })), 200);
    desk.advance(MINUTE_MS);
    assert.equal(await status(get("api/reports", { cookie })), 401);
  });

  it("doesn't listen to an address that tries one wrong token after the other", async () => {
    for (let at = 0; at < 10; at++) assert.equal(await status(login(`wrong-${at}`)), 401);
    assert.equal(await status(login(tokenOf("finance"))), 429);
    desk.advance(MINUTE_MS);
    assert.equal(await status(login(tokenOf("finance"))), 200);
    for (const strange of [undefined, 7, null, ["a"], { toString: "x" }, "x".repeat(2_000)]) {
      assert.equal(await status(login(strange)), 401);
    }
    desk.advance(MINUTE_MS);
  });

  it("lets a browser load nothing from elsewhere, keep nothing and show it in no frame", async () => {
    for (const path of ["", "console.js", "console.css", "echarts.js", "api/today", "nowhere"]) {
      const { headers, body } = await get(path);
      await body?.cancel();
      const policy = headers.get("content-security-policy") ?? "";
      assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
      assert.match(policy, /frame-ancestors 'none'/);
      assert.equal(headers.get("x-content-type-options"), "nosniff");
      assert.match(headers.get("cache-control") ?? "", path.startsWith("api") ? /no-store/ : /no-/);
    }
    const page = await (await get("")).text();
    assert.doesNotMatch(page, /https?:|<style|\son\w+=|<script>/);
  });

  it("knows no other paths, methods and bodies", async () => {
    const strange = [
      "../package.json",
      "%2e%2e/package.json",
      "console.js.map",
      "api/",
      "api/x",
      "page/index.html",
    ];
    for (const path of strange) assert.equal(await status(get(path, bearer("admin"))), 404, path);
    for (const id of ["rpt_none", "..%2f..%2fetc", "%00", "a'or'1"]) {
      assert.equal(await status(get(`api/reports/${id}`, bearer("admin"))), 404, id);
    }
    assert.equal(await status(get("api/reports?period=HOURLY", bearer("admin"))), 400);
    assert.equal(
      await status(get(`api/reports/${desk.reportId}/file?format=EXE`, bearer("admin"))),
      400,
    );
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "HEAD"]) {
      const url = new URL("api/today", desk.console.url);
      assert.equal(await status(fetch(url, { method, headers: bearer("admin") })), 404, method);
    }
    const url = new URL("login", desk.console.url);
    const large = fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token: "x".repeat(100_000) }),
    });
    assert.equal(await status(large), 413);
    const broken = fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{",
    });
    assert.equal(await status(broken), 400);
    assert.deepEqual(
      desk.logLines.filter(({ level }) => level === "error"),
      [],
    );
  });

  it("turns away headers beyond 16 KiB, and goes on", async () => {
    const { port } = new URL(desk.console.url);
    const code = await new Promise((resolve, reject) => {
      const headers = { cookie: "x".repeat(20_000) };
      const asked = request({ host: "127.0.0.1", port, path: "/", headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asked.on("error", reject);
      asked.end();
    });
    assert.equal(code, 431);
    assert.equal(await status(get("")), 200);
  });

  it("shows what the reports say, in the language that is asked for", async () => {
    const today = (await (await get("api/today?lang=zh", bearer("finance"))).json()) as {
      figures: { id: string; name: string; value: string | null; before: string }[];
      services: { rows: string[][] };
    };
    const sales = today.figures.find(({ id }) => id === "revenue.sales")!;
    assert.deepEqual([sales.name, sales.value, sales.before], ["销售额", "0.00", "99.00"]);
    assert.ok(today.services.rows.some((row) => row.includes(HOSTILE_SERVICE)));
    const url = `api/reports/${desk.reportId}/file?format=CSV`;
    const file = await get(url, bearer("finance"));
    assert.match(file.headers.get("content-disposition")!, /^attachment; filename="billing-daily-/);
    assert.ok((await file.text()).includes("99.00"));
  });
});
