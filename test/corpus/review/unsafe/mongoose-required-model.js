// expect: BG001
const Member = require("../models/member");
async function unlock(memberId, price) {
  const member = await Member.findById(memberId);
  if (member.credits < price) throw new Error("not enough");
  await Member.findByIdAndUpdate(memberId, { $inc: { credits: -price } });
}
module.exports = { unlock };
