// expect: BG007
const admin = require("firebase-admin");
async function refundCredits(userRef, cost) {
  if (cost <= 0) return;
  await userRef.update({ credits: admin.firestore.FieldValue.increment(cost) });
}
module.exports = { refundCredits };
