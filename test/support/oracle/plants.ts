/**
 * Bugs, planted on purpose: the oracle must find each of them. They get in between the store and
 * its database, or between the teller and its callers; the product has no switch for any of them.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import { refundQuota } from "../../../src/billing/quota/refund-quota.ts";
import type { UseCase } from "../../../src/billing/quota/desk.ts";
import { SEPARATOR } from "../../../src/store/together.ts";
import type { RefundQuota, RefundQuotaAnswer } from "../../../src/billing/quota/refund-quota.ts";
import type { Reply, Target } from "./requests.ts";

type Execute = EntityManager["execute"];

/** A bug in how a transaction is run, or in what runs in it. */
interface Plant {
  /** Stands in for `execute`. */
  readonly execute?: (sql: string, execute: () => Promise<unknown>) => Promise<unknown>;
  readonly isLockless?: boolean;
  /** Stands in for `transactional`. */
  readonly transact?: <T>(transact: (wrap: Wrap<T>) => Promise<T>) => Promise<T>;
}

type Wrap<T> = (work: () => Promise<T>) => Promise<T>;

/** The users' rows are read without their locks. */
export const WITHOUT_LOCKS: Plant = { isLockless: true };

/** Nobody looks whether a key was used before. */
export const WITHOUT_REPLAY: Plant = {
  execute: async (sql, execute) => (/where idempotency_key in/.test(sql) ? [] : execute()),
};

/** What a batch decides is written, but not the rows that prove it. */
export const WITHOUT_LEDGER: Plant = {
  execute: async (sql, execute) => (/^insert into `?quota_logs/.test(sql) ? {} : execute()),
};

/** A lock wait that is over undoes one statement only; what was written before is committed. */
export function halfBatches(every: number): Plant {
  let statements = 0;
  return {
    async execute(sql, execute) {
      const isLate =
        /^update .*\bquota_reservations\b/s.test(sql) && (statements += 1) % every === 0;
      if (isLate) throw Object.assign(new Error("lock wait timeout"), { errno: 1205 });
      return execute();
    },
    async transact(transact) {
      let fault: Error | undefined;
      const result = await transact((work) =>
        work().catch((error: Error) => {
          fault = error;
          return undefined as never;
        }),
      );
      if (fault !== undefined) throw fault;
      return result;
    },
  };
}

/** Answers leave while COMMIT is still to come; whoever dies in this time has lied. */
export function answersBeforeCommit(lagMs: number): Plant {
  return {
    transact: (transact) =>
      new Promise((resolve, reject) => {
        const whole = transact(async (work) => {
          const result = await work();
          resolve(result);
          await sleep(lagMs);
          return result;
        });
        whole.catch(reject);
      }),
  };
}

/** The pool with a plant in all that a batch does. */
export function planted(orm: MikroORM, plant: Plant): MikroORM {
  return standIn(orm, { em: plantedManager(orm.em as EntityManager, plant) });
}

function plantedManager(em: EntityManager, plant: Plant): EntityManager {
  const { execute, transact } = plant;
  return standIn(em, {
    fork: (...args: Parameters<EntityManager["fork"]>) => plantedManager(em.fork(...args), plant),
    transactional<T>(work: (em: EntityManager) => Promise<T>) {
      const run = (wrap: Wrap<T>) =>
        em.transactional((own) => wrap(() => work(plantedManager(own, plant))));
      return transact ? transact(run) : run((inner) => inner());
    },
    ...(execute && {
      async execute(...[sql, ...rest]: Parameters<Execute>) {
        const statements = (sql as string).split(SEPARATOR);
        if (statements.length === 1) return execute(sql as string, () => em.execute(sql, ...rest));
        // A plant is made for a single statement; these are given one by one, and their results together.
        const results: unknown[] = [];
        for (const one of statements) {
          const isQuery = one.startsWith("select");
          results.push(await execute(one, () => em.execute(one, [], isQuery ? "all" : "run")));
        }
        return results;
      },
    }),
    ...(plant.isLockless && {
      createQueryBuilder(...args: Parameters<EntityManager["createQueryBuilder"]>) {
        const builder = em.createQueryBuilder(...args);
        builder.setLockMode = () => builder;
        return builder;
      },
    }),
  });
}

/** An object with some members replaced; the others work on the real one. */
function standIn<T extends object>(real: T, members: object): T {
  return new Proxy(real, {
    get(target, name) {
      if (Object.hasOwn(members, name)) return Reflect.get(members, name) as unknown;
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
}

/** A refund that doesn't see that the quota came back already. */
export const REFUNDS_AGAIN: UseCase<RefundQuota, RefundQuotaAnswer> = {
  ...refundQuota,
  decide(desk, input) {
    const reservations = [...desk.account.reservations].map(([id, reservation]) => {
      const { state, amount, createTimeMs } = reservation;
      if (state !== "REFUNDED") return [id, reservation] as const;
      const spent = { ...reservation, state: "COMMITTED" as const, committedAmount: amount };
      return [id, { ...spent, commitTimeMs: createTimeMs, eligibleForRefund: true }] as const;
    });
    const account = { ...desk.account, reservations: new Map(reservations) };
    return refundQuota.decide({ ...desk, account }, input);
  },
};

/** A target that distorts every n-th reply. */
export function lying(target: Target, every: number, lie: (reply: Reply) => Reply): Target {
  let replies = 0;
  return {
    name: target.name,
    async send(request) {
      const reply = await target.send(request);
      if (reply.outcome !== "ok" || reply.replayed) return reply;
      return (replies += 1) % every === 0 ? lie(reply) : reply;
    },
  };
}
