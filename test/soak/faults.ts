/** The faults of the soak: each is inflicted under load and is over when it returns. */
import { createConnection } from "mysql2/promise";
import { Redis } from "ioredis";
import type { Trial } from "../support/oracle/trial.ts";
import type { ServiceTarget } from "../support/oracle/service-target.ts";
import type { Plant } from "./plant.ts";

/** What there is to break, and the load that goes on meanwhile. */
export interface Faults {
  readonly plant: Plant;
  readonly services: readonly ServiceTarget[];
  readonly trial: Trial;
}

type Fault = (faults: Faults) => Promise<void>;

/** So many requests feel a fault before it is over. */
const FELT = 20;

const FAULTS: Readonly<Record<string, Fault>> = {
  async "kill -9 of a service"({ services, trial }) {
    const service = trial.dice.pick(services)!;
    await service.kill();
    await trial.load.more(FELT, "unknown");
    await service.start();
  },
  async "kill -9 of all services"({ services, trial }) {
    await Promise.all(services.map((service) => service.kill()));
    await trial.load.more(FELT, "unknown");
    await Promise.all(services.map((service) => service.start()));
  },
  async "SIGTERM of a service"({ services, trial }) {
    const service = trial.dice.pick(services)!;
    await service.stop();
    await service.start();
  },
  async "SIGSTOP of a service"({ services, trial }) {
    const service = trial.dice.pick(services)!;
    service.pause();
    try {
      await trial.load.more(FELT, "unknown");
    } finally {
      service.resume();
    }
  },
  "kill -9 of the database": ({ plant, trial }) =>
    plant.killDatabase(() => trial.load.more(trial.dice.whole(1, 2 * FELT), "unknown")),
  async "SIGSTOP of the database"({ plant, trial }) {
    plant.database().pause();
    try {
      await trial.load.more(FELT, "unknown");
    } finally {
      plant.database().resume();
    }
  },
  async "connections killed"({ plant }) {
    const connection = await createConnection(plant.database().url);
    const [rows] = await connection.query("show processlist");
    for (const { Id: id, db } of rows as { Id: number; db: string | null }[]) {
      // One that has ended meanwhile is no fault of ours.
      if (db !== null) await connection.query(`kill ${id}`).catch(() => undefined);
    }
    await connection.end();
  },
  "kill -9 of Redis": ({ plant, trial }) => plant.killRedis(() => trial.load.more(10 * FELT)),
  async "SIGSTOP of Redis"({ plant, trial }) {
    plant.redis().pause();
    try {
      await trial.load.more(10 * FELT);
    } finally {
      plant.redis().resume();
    }
  },
  async FLUSHALL({ plant }) {
    const client = new Redis(plant.redis().url);
    await client.flushall();
    client.disconnect();
  },
};

/** Inflicts one fault, chosen at random. */
export async function inflictOne(faults: Faults): Promise<void> {
  const { dice, tally } = faults.trial;
  const [name, inflict] = dice.pick(Object.entries(FAULTS))!;
  tally.hit(name);
  await inflict(faults);
}
