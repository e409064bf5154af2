// expect: BG001
const { User } = require("../models");
exports.spend = async (req, res) => {
  const user = await User.findByPk(req.user.id);
  if (user.credits < 1) return res.status(402).json({ error: "no credits" });
  await user.decrement("credits", { by: 1 });
  res.json({ ok: true });
};
