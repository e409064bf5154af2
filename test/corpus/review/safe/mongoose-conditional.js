// expect: BG018
const User = require("./models/User");
exports.spend = async (userId, cost) => {
  const user = await User.findOneAndUpdate({ _id: userId, credits: { $gte: cost } }, { $inc: { credits: -cost } }, { new: true });
  if (!user) throw new Error("no credits");
  return user.credits;
};
