#!/usr/bin/env node
/** How well the rules of alerts find what was planted: `node bin/demo-anomalies.ts [seed …]`. */
import { scoreRules, scoreTable } from "../src/demo/anomalies.ts";

const SEEDS_DEFAULT = [1, 2, 3];
const LEAST = 0.9;

const given = process.argv.slice(2);
if (given.some((text) => !/^\d{1,9}$/.test(text))) {
  console.error("usage: demo-anomalies [seed …]; seeds are whole numbers");
  process.exit(2);
}
const seeds = given.length === 0 ? SEEDS_DEFAULT : given.map(Number);
let isGood = true;
for (const seed of seeds) {
  const scores = scoreRules(seed);
  const { precision, recall } = scores.at(-1)!;
  console.log(`seed ${seed}\n${scoreTable(scores)}\n`);
  isGood &&= precision >= LEAST && recall >= LEAST;
}
process.exit(isGood ? 0 : 1);
