/** A server that does nothing but sweep memberships, at once and again and again, to be killed. */
import { createMembershipFinder } from "../../src/store/membership-finder.ts";
import { startMembershipSweeper } from "../../src/job/membership-sweeper.ts";
import { openOrm } from "../../src/store/orm.ts";
import { openBank } from "./bank.ts";

const [url, shiftMs] = process.argv.slice(2);
// Small batches, so that a kill finds some of the work done.
const bank = await openBank("mysql", { url: url!, batchMax: 16 });
bank.advance(Number(shiftMs));
const orm = await openOrm({ url: url!, poolMax: 2 });
startMembershipSweeper({
  teller: bank.teller,
  finder: createMembershipFinder(orm, bank.context),
  intervalMs: 10,
  aheadMs: 0,
  observer: {
    swept() {},
    failed(fault) {
      console.error(fault);
    },
  },
});
