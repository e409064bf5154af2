// expect: BG001
const User = require("./models/User");
exports.spend = async (userId, cost) => {
  const user = await User.findById(userId);
  if (user.credits < cost) throw new Error("no credits");
  await User.findByIdAndUpdate(userId, { $inc: { credits: -cost } });
};
