// expect: BG090
export async function spend( {
  await db("users").decrement("credits", 1;
