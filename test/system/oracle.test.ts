/** The oracle itself: silent about a right program, and loud about every bug that was planted. */
import assert from "node:assert/strict";
import { openBank, type Bank, type BankOptions } from "../support/bank.ts";
import { startChildTarget } from "../support/oracle/child-target.ts";
import {
  halfBatches,
  lying,
  planted,
  REFUNDS_AGAIN,
  WITHOUT_LEDGER,
  WITHOUT_LOCKS,
  WITHOUT_REPLAY,
} from "../support/oracle/plants.ts";
import type { Reply, Target } from "../support/oracle/requests.ts";
import type { Attempt } from "../support/oracle/journal.ts";
import { connectSql, type Snapshot } from "../support/oracle/snapshot.ts";
import { tellerTarget } from "../support/oracle/teller-target.ts";
import { assertTrial, findFaults, runTrial, type TrialOptions } from "../support/oracle/trial.ts";
import { makeWorld } from "../support/oracle/world.ts";
import { flavours, freshDirectory } from "../support/servers.ts";

/** Few users and much between them: bugs show soon. */
const SMALL = { users: 6, hotUsers: 3 };
const OPERATIONS = 500;

/** Rows that changed behind the program's back. */
const TAMPERINGS: Readonly<Record<string, readonly string[]>> = {
  "one row of the log is lost": [
    "delete from quota_logs where type = 'RELEASE' order by operation_id desc limit 1",
  ],
  "one operation that moved quota is lost": [
    "delete from quota_logs where type = 'RESERVE' order by operation_id desc limit 1",
  ],
  "one operation that moved nothing is lost": [
    "delete from operations where method = 'ExtendReservation' limit 1",
  ],
  "the last row of a user's log is lost, and the counter set back": [
    "set @user = (select user_id from quota_logs order by operation_id desc limit 1)",
    "delete from quota_logs where user_id = @user order by sequence desc limit 1",
    "update users set log_sequence = log_sequence - 1 where user_id = @user",
  ],
  "a balance is off by one": [
    "update users set quota_remaining = quota_remaining + 1 order by quota_remaining desc limit 1",
  ],
  "a balance and its lot are off by one": [
    "set @user = (select user_id from users order by quota_remaining desc limit 1)",
    "update users set quota_remaining = quota_remaining - 1 where user_id = @user",
    `update quota_grants set remaining = remaining - 1
      where user_id = @user order by remaining desc limit 1`,
  ],
  "a reservation is lost": ["delete from quota_reservations where state = 'REFUNDED' limit 1"],
  "a reservation says that it was never settled": [
    `update quota_reservations set state = 'HELD', committed_amount = 0, refunded_amount = 0
      where state = 'COMMITTED' limit 1`,
  ],
  "a commit says another amount": [
    `update quota_reservations
      set committed_amount = committed_amount - 1, refunded_amount = refunded_amount + 1
      where state = 'COMMITTED' and committed_amount > 0 limit 1`,
  ],
  "a movement was changed": [
    `update quota_logs
      set available_change = available_change - 1, available_after = available_after - 1
      where type = 'RESERVE' order by operation_id desc limit 1`,
  ],
  "an operation is there that nobody asked for": [
    `insert into operations
      select 'op_forged', method, 'forged', user_id, caller, content, answer, create_time
      from operations limit 1`,
  ],
  "two movements of one user have changed places": [
    "set @user = (select user_id from quota_logs order by operation_id desc limit 1)",
    "set @last = (select max(sequence) from quota_logs where user_id = @user)",
    "update quota_logs set sequence = 1000000 where user_id = @user and sequence = @last",
    "update quota_logs set sequence = @last where user_id = @user and sequence = @last - 1",
    "update quota_logs set sequence = @last - 1 where user_id = @user and sequence = 1000000",
  ],
};

/** Each tampering alone is found, and without it nothing is. */
async function assertTamperingsFound(
  url: string,
  attempts: readonly Attempt[],
  before: Snapshot,
): Promise<void> {
  const { sql, close } = await connectSql(url);
  for (const table of ["quota_logs", "operations"]) {
    for (const word of ["update", "delete"]) await sql(`drop trigger ${table}_no_${word}`);
  }
  for (const [tampering, statements] of Object.entries(TAMPERINGS)) {
    await sql("begin");
    for (const statement of statements) await sql(statement);
    const faults = await findFaults(sql, attempts, before);
    await sql("rollback");
    assert.notEqual(faults.length, 0, `not found: ${tampering}`);
  }
  assert.deepEqual(await findFaults(sql, attempts, before), []);
  await close();
}

const LIES: Readonly<Record<string, (reply: Reply) => Reply>> = {
  "says no to what was done": () => ({ outcome: "refused", reason: "QUOTA_INSUFFICIENT" }),
  "names another amount": (reply) => {
    if (reply.outcome !== "ok") return reply;
    const reservations = reply.reservations.map((one) => ({ ...one, amount: one.amount + 1 }));
    return { ...reply, reservations };
  },
  "names another balance": (reply) =>
    reply.outcome === "ok" && reply.balance
      ? { ...reply, balance: { ...reply.balance, available: reply.balance.available + 1 } }
      : reply,
};

for (const flavour of flavours()) {
  describe(`the oracle on ${flavour}`, () => {
    const banks: Bank[] = [];
    const open = async (options?: BankOptions): Promise<Bank> => {
      const bank = await openBank(flavour, options);
      banks.push(bank);
      return bank;
    };
    afterEach(async () => {
      // Those that came later share the schema of the first.
      for (const bank of banks.splice(0).reverse()) await bank.close();
    });
    const trialOn = async (bank: Bank, more: Partial<TrialOptions>): Promise<TrialOptions> => ({
      title: "a trial",
      databaseUrl: bank.url,
      directory: await freshDirectory(),
      world: await makeWorld(bank, SMALL),
      targets: [tellerTarget("teller", bank.teller)],
      inflict: ({ load }) => load.more(OPERATIONS),
      demands: { operations: OPERATIONS },
      ...more,
    });
    const assertFound = async (options: TrialOptions): Promise<void> => {
      const { faults } = await runTrial(options);
      assert.notEqual(faults.length, 0, "the oracle has found nothing");
    };

    it("finds nothing wrong with right servers, and every row that is lost or changed", async () => {
      const here = await open();
      const there = await open({ url: here.url });
      const targets = [here, there].map(({ teller }, at) => tellerTarget(`teller ${at}`, teller));
      const options = await trialOn(here, { title: "two right servers", targets });
      const inflict: TrialOptions["inflict"] = ({ load }) => load.more(1_500);
      const { attempts, before } = await assertTrial({ ...options, inflict });
      // Which database the rows are in makes no difference to what is missing in them.
      if (flavour === flavours()[0]) await assertTamperingsFound(here.url, attempts, before);
    });

    it("finds that users' rows are read without their locks", async () => {
      const right = await open();
      const around: BankOptions["around"] = (orm) => planted(orm, WITHOUT_LOCKS);
      const more = { url: right.url, around };
      const wrong = [await open(more), await open(more)];
      // Without the unique index, which would stop it: the second guard of the same thing.
      await right.sql("alter table quota_logs drop index quota_logs_sequence");
      const targets = wrong.map(({ teller }, at) => tellerTarget(`teller ${at}`, teller));
      await assertFound(await trialOn(right, { title: "planted: no FOR UPDATE", targets }));
    });

    it("finds that an answer left before its COMMIT, when the server is killed", async () => {
      const bank = await open();
      let child = await startChildTarget(bank.url, "answers before COMMIT");
      const target: Target = { name: "process", send: (request) => child.send(request) };
      try {
        await assertFound(
          await trialOn(bank, {
            title: "planted: answers before COMMIT",
            targets: [target],
            async inflict({ load, tally }) {
              await load.more(100);
              await child.kill();
              tally.hit("kill");
              child = await startChildTarget(bank.url, "none");
              await load.more(50);
            },
            demands: { faults: 1, unknown: 1, reconnects: 1 },
          }),
        );
      } finally {
        await child.kill();
      }
    });
  });
}

// What the database has no part in is tried on one of them.
describe("the oracle", () => {
  const [flavour] = flavours() as [ReturnType<typeof flavours>[number]];
  /** What the oracle finds when a server with a bug has served users whom a right one has made. */
  const tried = async (
    around: BankOptions["around"],
    targetOf: (bank: Bank) => Target,
    prepare: readonly string[] = [],
  ): Promise<readonly string[]> => {
    const right = await openBank(flavour);
    const wrong = await openBank(flavour, { url: right.url, ...(around && { around }) });
    try {
      for (const statement of prepare) await right.sql(statement);
      const { faults } = await runTrial({
        title: "planted",
        databaseUrl: right.url,
        directory: await freshDirectory(),
        world: await makeWorld(right, SMALL),
        targets: [targetOf(wrong)],
        inflict: ({ load }) => load.more(OPERATIONS),
        demands: { operations: OPERATIONS },
      });
      return faults;
    } finally {
      await wrong.close();
      await right.close();
    }
  };
  const teller = (bank: Bank) => tellerTarget("teller", bank.teller);

  const assertSays = (faults: readonly string[], pattern: RegExp): void =>
    assert.match(faults.join("\n"), pattern);

  it("finds that a refund happens twice", async () => {
    const target = (bank: Bank) => tellerTarget("teller", bank.teller, REFUNDS_AGAIN);
    assertSays(await tried(undefined, target), /calls, 2 of which moved quota/);
  });

  it("finds that a replay executes again", async () => {
    // Without the unique indexes, which would stop it: the second guard of the same thing.
    const prepare = [
      "alter table quota_logs drop index quota_logs_key",
      "alter table operations drop index operations_key",
    ];
    const faults = await tried((orm) => planted(orm, WITHOUT_REPLAY), teller, prepare);
    assertSays(faults, /was answered, and has 2 rows/);
  });

  it("finds effects without their operation", async () => {
    const faults = await tried((orm) => planted(orm, WITHOUT_LEDGER), teller);
    assertSays(faults, /was answered, and has 0 rows/);
  });

  it("finds that half a batch was committed", async () => {
    const faults = await tried((orm) => planted(orm, halfBatches(9)), teller);
    assertSays(faults, /what is held is the sum of the open holds/);
  });

  it("takes no run for a proof that was hit by nothing", async () => {
    const bank = await openBank(flavour);
    try {
      const run = runTrial({
        title: "hit by nothing",
        databaseUrl: bank.url,
        directory: await freshDirectory(),
        world: await makeWorld(bank, SMALL),
        targets: [teller(bank)],
        inflict: ({ load }) => load.more(50),
        demands: { operations: 50, faults: 1, unknown: 1 },
      });
      await assert.rejects(run, /too little .*: faults 0 of 1, unknown 0 of 1$/);
    } finally {
      await bank.close();
    }
  });

  for (const [what, lie] of Object.entries(LIES)) {
    it(`finds an answer that ${what}`, async () => {
      const faults = await tried(undefined, (bank) => lying(teller(bank), 50, lie));
      assert.notEqual(faults.length, 0);
    });
  }
});
