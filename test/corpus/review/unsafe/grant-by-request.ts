// expect: BG012
import { db } from "./db";
export function routes(app) {
  app.post("/api/quota/add", async (req, res) => {
    await db("users").where({ id: req.body.userId }).increment("quota_remaining", req.body.amount);
    res.json({ ok: true });
  });
}
