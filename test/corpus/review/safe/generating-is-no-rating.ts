// expect: BG018
import Member from "./models/member";
import Film from "./models/film";
export async function make(memberId: string, prompt: string) {
  let reserved = false;
  try {
    const member = await Member.findOneAndUpdate({ _id: memberId, credits: { $gte: 5 } }, { $inc: { credits: -5 } });
    if (!member) return { error: "not enough" };
    reserved = true;
    return await Film.create({ memberId, prompt, phase: "GENERATING" });
  } catch (error) {
    if (reserved) await Member.findByIdAndUpdate(memberId, { $inc: { credits: 5 } });
    throw error;
  }
}
