/**
 * The soak: two services, a database and a Redis of its own, load, and faults at random for as many
 * minutes as it is given. Each round ends with the oracle's verdict; the first fault ends the soak.
 *
 *   npm run soak -- [MINUTES] [mysql|mariadb]   10 minutes, half on each, unless told otherwise
 *   SEED=… npm run soak -- …                    the same choices again
 */
import { join } from "node:path";
import type { DatabaseFlavour } from "../../src/local/database.ts";
import { openBank } from "../support/bank.ts";
import { chooseSeed, createDice } from "../support/oracle/random.ts";
import { Tally } from "../support/oracle/tally.ts";
import { assertTrial } from "../support/oracle/trial.ts";
import { makeWorld } from "../support/oracle/world.ts";
import { killPrograms } from "../support/program.ts";
import { flavours, freshDirectory, stopServers } from "../support/servers.ts";
import { inflictOne, type Faults } from "./faults.ts";
import { startPlant, type Plant } from "./plant.ts";

const MINUTES = 10;
/** The books of one round are read whole by the oracle: rounds end before they grow large. */
const ROUND_MS = 45_000;
/** How many answers pass between two faults. */
const CALM_MIN = 100;
const CALM_MAX = 2_000;
const WORKERS = 48;

/** One round on a schema of its own, with all faults that fit into its time. */
async function round(plant: Plant, seed: number, endMs: number): Promise<Tally> {
  const bank = await openBank(plant.flavour, { server: plant.database() });
  const services = await plant.startServices(bank.url);
  try {
    const { tally } = await assertTrial({
      title: `soak on ${plant.flavour}`,
      databaseUrl: bank.url,
      directory: await freshDirectory(),
      world: await makeWorld(bank),
      targets: services,
      workers: WORKERS,
      seed,
      async inflict(trial) {
        const faults: Faults = { plant, services, trial };
        do {
          await trial.load.more(trial.dice.whole(CALM_MIN, CALM_MAX));
          await inflictOne(faults);
        } while (performance.now() < endMs);
        await trial.load.more(CALM_MIN);
      },
      demands: { operations: CALM_MIN, faults: 1 },
    });
    return tally;
  } finally {
    await Promise.all(services.map((service) => service.stop()));
    await bank.close();
  }
}

async function soak(minutes: number, wanted: readonly DatabaseFlavour[]): Promise<void> {
  const seed = chooseSeed();
  console.log(`soak: ${minutes} minutes on ${wanted.join(" and ")}, seed ${seed}`);
  const dice = createDice(seed);
  const total = new Tally();
  for (const flavour of wanted) {
    const plant = await startPlant(flavour, join(await freshDirectory(), flavour));
    const endMs = performance.now() + (minutes * 60_000) / wanted.length;
    while (performance.now() < endMs) {
      const roundEndMs = Math.min(endMs, performance.now() + ROUND_MS);
      total.add(await round(plant, dice.whole(0, 2 ** 31), roundEndMs));
    }
    await plant.stop();
  }
  console.log(`soak: all right: ${total.toString()}`);
}

const [minutes = String(MINUTES), flavour] = process.argv.slice(2);
const wanted = flavours().filter((one) => flavour === undefined || one === flavour);
if (!(Number(minutes) > 0) || wanted.length === 0) {
  throw new Error("usage: npm run soak -- [MINUTES] [mysql|mariadb]");
}
try {
  await soak(Number(minutes), wanted);
} finally {
  await killPrograms();
  await stopServers();
}
