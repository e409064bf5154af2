// expect: FAIL
// item: 1
const { User, QuotaLog } = require("../models");

exports.consume = async (req, res) => {
  const user = await User.findByPk(req.user.id);
  const cost = req.feature.quotaCost;
  if (user.quota_remaining < cost) {
    return res.status(402).json({ error: "QUOTA_INSUFFICIENT" });
  }
  await user.decrement("quota_remaining", { by: cost });
  await QuotaLog.create({ userId: user.id, type: "consume", amount: cost });
  return res.status(204).end();
};
