// expect: BG092
const { readStore, writeStore } = require("file-store");
async function pay(from, to, units) {
  const store = await readStore();
  const wallet = store.wallets[from];
  if (wallet.balance < units) return false;
  wallet.balance -= units;
  store.wallets[to].balance += units;
  await writeStore(store);
  return true;
}
module.exports = { pay };
