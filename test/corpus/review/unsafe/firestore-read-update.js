// expect: BG001
import { doc, getDoc, updateDoc } from "firebase/firestore";
import { db } from "./firebase";
export async function spend(uid, cost) {
  const ref = doc(db, "users", uid);
  const snapshot = await getDoc(ref);
  const { credits } = snapshot.data();
  if (credits < cost) return false;
  await updateDoc(ref, { credits: credits - cost });
  return true;
}
