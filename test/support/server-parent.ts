import { startLocalDatabase } from "../../src/local/database.ts";
import { startLocalRedis } from "../../src/local/redis.ts";

/*
 * A program of its own that starts a private server, tells its URL and pid in one line of JSON and
 * then waits to be killed: `node server-parent.ts mysql|mariadb|redis DATA_DIR [survives]`.
 */
const [kind, dataDir, word] = process.argv.slice(2);
if (kind === undefined || dataDir === undefined) throw new Error("which server, and where?");
const survivesParent = word === "survives";
const server =
  kind === "redis"
    ? await startLocalRedis({ dataDir, survivesParent })
    : await startLocalDatabase({
        flavour: kind === "mysql" ? "mysql" : "mariadb",
        dataDir,
        survivesParent,
      });
console.log(JSON.stringify({ url: server.url, pid: server.pid }));
// An open input keeps the process alive.
process.stdin.resume();
