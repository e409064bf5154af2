/**
 * Whose turn a job is that one server does at a time: a row with a lease in the database's time. Who does the job
 * puts the lease off; when it dies, the lease runs out and another server takes the turn.
 */
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import { literal } from "./sql.ts";
import { inTransaction, reading } from "./transaction.ts";

export interface JobTurnOptions {
  /** The job's name, up to 63 characters. */
  readonly job: string;
  /** Tells this server from all others that may do it. */
  readonly owner: string;
  /** How long the turn stays with a server that says nothing any more, in milliseconds. */
  readonly leaseMs: number;
}

export interface JobTurns {
  /**
   * Takes the turn when the job was done last that long ago and nobody has it. A job that nobody has heard of
   * counts as done now. @throws as inTransaction
   */
  take(intervalMs: number): Promise<boolean>;
  /** Puts the lease off. @returns false when the turn is another's by now @throws as inTransaction */
  renew(): Promise<boolean>;
  /** Within a transaction that writes what came of it: the job is done. @returns as renew */
  finish(em: EntityManager): Promise<boolean>;
  /** Gives the turn back without having done the job: another server may take it at once. */
  release(): Promise<void>;
}

const US_PER_MS = 1_000;

export function createJobTurns(orm: MikroORM, { job, owner, leaseMs }: JobTurnOptions): JobTurns {
  const later = (ms: number) => `timestampadd(microsecond, ${Math.round(ms * US_PER_MS)}, now(3))`;
  const isOurs = `job = ${literal(job)} and owner = ${literal(owner)} and lease_until > now(3)`;
  const change = async (em: EntityManager, sql: string): Promise<boolean> => {
    const { affectedRows } = await em.execute<{ affectedRows: number }>(sql, [], "run");
    return affectedRows > 0;
  };
  const changeAlone = (sql: string) => inTransaction(orm, (em) => change(em, sql));
  return {
    async take(intervalMs) {
      const sql = `select 1 as n from job_turns where job = ${literal(job)}`;
      const known = await reading(orm, (em) => em.execute<unknown[]>(sql));
      if (known.length === 0) {
        await changeAlone(`insert ignore into job_turns (job, owner, lease_until, done_time)
          values (${literal(job)}, '', now(3), now(3))`);
      }
      return changeAlone(`update job_turns set owner = ${literal(owner)}, lease_until = ${later(leaseMs)}
        where job = ${literal(job)} and lease_until <= now(3) and done_time <= ${later(-intervalMs)}`);
    },
    renew: () =>
      changeAlone(`update job_turns set lease_until = ${later(leaseMs)} where ${isOurs}`),
    finish: (em) =>
      change(em, `update job_turns set lease_until = now(3), done_time = now(3) where ${isOurs}`),
    async release() {
      await changeAlone(`update job_turns set lease_until = now(3) where ${isOurs}`);
    },
  };
}
