// expect: BG018
const admin = require("firebase-admin");
const db = admin.firestore();
async function spend(uid, cost) {
  const userRef = db.collection("users").doc(uid);
  await db.runTransaction(async (transaction) => {
    const snapshot = await transaction.get(userRef);
    const before = Number(snapshot.data().credits || 0);
    if (before < cost) throw new Error("Insufficient credits");
    transaction.update(userRef, { credits: admin.firestore.FieldValue.increment(-cost) });
  });
}
module.exports = { spend };
