/** The words that mean quota, by what they say of a name that they stand in. */

export const UNIT = new Set([
  "quota",
  "quotas",
  "credit",
  "credits",
  "balance",
  "points",
  "tokens",
  "coins",
  "diamonds",
  "allowance",
  "wallet",
  "stock",
  "inventory",
  "配额",
  "额度",
  "积分",
  "余额",
  "点数",
]);

/** Units that are also something else when they stand alone or with a stranger. */
export const WEAK_UNIT = new Set([
  "token",
  "point",
  "coin",
  "gems",
  "unit",
  "units",
  "uses",
  "generations",
  "minutes",
  "calls",
  "requests",
  "images",
  "messages",
  "searches",
  "money",
  "amount",
  "quantity",
  "qty",
  "seats",
  "tickets",
  "funds",
  "cash",
]);

export const LEFT = new Set(["remaining", "left", "available", "balance", "剩余", "remain"]);

export const SPENT = new Set(["used", "spent", "consumed", "usage", "已用"]);

/** A column that is about quota, and isn't a number that is spent. */
export const NOT_AMOUNT = new Set([
  "id",
  "ids",
  "at",
  "date",
  "time",
  "type",
  "reason",
  "status",
  "key",
  "name",
  "log",
  "logs",
  "cost",
  "costs",
  "price",
  "limit",
  "max",
  "min",
  "total",
  "reset",
  "expires",
  "expire",
  "expiry",
  "token",
  "hash",
  "url",
  "currency",
  "description",
  "note",
  "before",
  "after",
  "delta",
  "change",
  "held",
  "frozen",
  "locked",
  "reserved",
  "per",
  "earned",
  "granted",
  "purchased",
  "lifetime",
  "history",
  "flag",
  "enabled",
  "threshold",
  "alert",
  "plan",
  "prev",
  "previous",
  "old",
  "new",
  "opening",
  "closing",
  "start",
  "end",
  "sheet",
  "version",
  "update",
  "updated",
]);

export const PLAIN_BALANCE = new Set([
  "quota",
  "quotas",
  "credit",
  "credits",
  "balance",
  "points",
  "coins",
  "diamonds",
  "tokens",
  "remaining",
  "allowance",
  "wallet",
  "money",
  "gems",
  "stock",
  "inventory",
  "配额",
  "额度",
  "积分",
  "余额",
  "点数",
]);

export const LEDGER_END = new Set([
  "log",
  "ledger",
  "history",
  "transaction",
  "entry",
  "record",
  "movement",
  "journal",
  "report",
  "txn",
  "tx",
  "event",
  "audit",
  "流水",
]);

export const LEDGER_ABOUT = new Set([...UNIT, "billing", "point", "token", "coin", "payment"]);

export const TASK_END = new Set(["task", "job", "generation"]);

/** Tables of accounts: one row holds how much of it somebody has. */
export const ACCOUNTS = new Set([
  "credit",
  "wallet",
  "balance",
  "quota",
  "point",
  "coin",
  "inventory",
  "stock",
]);
/** How a table of accounts names the amount. */
export const AMOUNT_COLUMNS = new Set(["amount", "value", "count", "quantity", "qty", "available", "left"]);
/** How a table of limits or of usage names what was spent. */
export const COUNT_COLUMNS = new Set(["count", "used", "usage", "current", "current_usage"]);

/** Words for things that are sold or booked. */
export const GOODS = new Set(["stock", "inventory", "quantity", "qty", "seats", "tickets"]);
