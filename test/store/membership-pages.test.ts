/** Pages of memberships at scale: each is read by the index, and no reservation pays for that index. */
import assert from "node:assert/strict";
import { tracingChannel } from "node:diagnostics_channel";
import type { MikroORM } from "@mikro-orm/mysql";
import * as fc from "fast-check";
import type { UserId } from "../../src/billing/id.ts";
import type { MembershipFilter, MembershipReader } from "../../src/billing/membership/books.ts";
import { createMembershipReader } from "../../src/store/membership-books.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { BALANCE_COLUMNS } from "../../src/store/user-rows.ts";
import { openBank, type Bank } from "../support/bank.ts";
import { flavours } from "../support/servers.ts";

const INDEX = "users_listing";
const USERS = 5_000;
const PAGE = 20;
/** One user in so many is suspended. */
const SUSPENDED_EVERY = 1_000;

const STATES = [null, "TRIAL", "ACTIVE", "LAPSED"] as const;
const USER_STATES = [null, "ACTIVE", "SUSPENDED"] as const;
const FILTERS: readonly MembershipFilter[] = STATES.flatMap((state) =>
  USER_STATES.map((userState) => ({ state, userState })),
);

for (const flavour of flavours()) {
  describe(`pages of memberships on ${flavour}`, () => {
    let bank: Bank;
    let orm: MikroORM;
    let reader: MembershipReader;
    const nowMs = Date.UTC(2026, 10, 23);
    before(async () => {
      bank = await openBank(flavour);
      orm = await openOrm({ url: bank.url, poolMax: 2 });
      reader = createMembershipReader(orm, { timeOf: () => nowMs });
      const rows = Array.from({ length: USERS }, (_, at) => {
        const state = at % SUSPENDED_EVERY === 7 ? "SUSPENDED" : "ACTIVE";
        const until = at % 3 === 0 ? "2026-01-01" : "2027-01-01";
        const name = `u${String(at).padStart(6, "0")}`;
        return `('${name}', '${state}', '', 'p', ${at % 2}, '${until}', 0, 0, 0, now(3))`;
      });
      await bank.sql(
        `insert into users (user_id, state, suspend_reason, plan_id, on_trial, membership_until,
          quota_remaining, quota_held, log_sequence, create_time) values ${rows.join(",")}`,
      );
      await bank.sql(`update users set membership_start_time = '2025-12-01'`);
      await bank.sql("analyze table users");
    });
    after(async () => {
      await closeOrm(orm);
      await bank.close();
    });

    /** The statements on users that the work sends. */
    const sentBy = async (work: () => Promise<unknown>): Promise<string[]> => {
      const sent: string[] = [];
      const channel = tracingChannel<object>("mysql2:query");
      const listener = {
        start: (message: object) => {
          const { query } = message as { query: string };
          if (query.includes("from users")) sent.push(query);
        },
      };
      channel.subscribe(listener as never);
      try {
        await work();
      } finally {
        channel.unsubscribe(listener as never);
      }
      return sent;
    };

    for (const filter of FILTERS) {
      const { state, userState } = filter;
      const title = `members ${state ?? "of any kind"}, users ${userState ?? "of any state"}`;
      it(`reads ${title}, by the index`, async () => {
        for (const after of [null, { userId: "u002500" as UserId }]) {
          const sent = await sentBy(() => reader.listMemberships(filter, { after, limit: PAGE }));
          assert.equal(sent.length, 1);
          const plan = await bank.sql(`explain format=traditional ${sent[0]!}`);
          const tables = plan.filter((row) => row["table"] === "users");
          assert.equal(tables.length, userState === null ? 2 : 1);
          for (const { key, type, Extra: extra } of tables) {
            assert.equal(key, INDEX);
            assert.match(String(type), /^(?:range|ref)$/);
            assert.doesNotMatch(String(extra), /filesort|temporary/);
          }
        }
      });
    }

    it("are whole together, in order, and each user's once", async () => {
      const all = (await bank.sql("select * from users order by user_id")).map((row) => {
        const isLapsed = String(row["membership_until"]) < "2026-11-23";
        const isOnTrial = Number(row["on_trial"]) === 1;
        return {
          userId: row["user_id"] as UserId,
          userState: row["state"] as string,
          state: isLapsed ? "LAPSED" : isOnTrial ? "TRIAL" : "ACTIVE",
        };
      });
      const wanted = fc.record({
        filter: fc.constantFrom(...FILTERS),
        from: fc.integer({ min: 0, max: USERS - 1 }),
        limit: fc.integer({ min: 1, max: 100 }),
      });
      await fc.assert(
        fc.asyncProperty(wanted, async ({ filter, from, limit }) => {
          const after = { userId: all[from]!.userId };
          const expected = all
            .slice(from + 1)
            .filter(({ state }) => filter.state === null || state === filter.state)
            .filter(({ userState }) => filter.userState === null || userState === filter.userState)
            .slice(0, limit);
          const found = await reader.listMemberships(filter, { after, limit });
          assert.deepEqual(
            found.map(({ userId }) => userId),
            expected.map(({ userId }) => userId),
          );
        }),
      );
    });

    it("cost a reservation nothing: what it changes of a user stands in no index", async () => {
      const rows = await bank.sql(
        `select distinct column_name as name from information_schema.statistics
          where table_schema = database() and table_name = 'users' and index_name <> 'PRIMARY'`,
      );
      const indexed = rows.map((row) => String(row["name"]));
      assert.ok(indexed.length > 0);
      assert.deepEqual(
        indexed.filter((name) => name in BALANCE_COLUMNS),
        [],
      );
    });
  });
}
