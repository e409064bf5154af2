// expect: BG001
import express from "express";
import { prisma } from "../db";
const router = express.Router();
router.post("/generate", authenticate, async (req, res) => {
  const price = req.body.pages.length * 3;
  if (req.user.credits < price) return res.status(402).json({ error: "Insufficient credits" });
  await prisma.user.update({ where: { id: req.user.id }, data: { credits: { decrement: price } } });
  res.status(201).json({ ok: true });
});
export default router;
