// expect: none
import { useState } from "react";
export function Wallet({ initial }: { initial: number }) {
  const [credits, setCredits] = useState(initial);
  const spend = async () => {
    const response = await fetch("/api/spend", { method: "POST" });
    if (response.ok) setCredits(credits - 1);
  };
  return <button onClick={spend}>{credits} credits</button>;
}
