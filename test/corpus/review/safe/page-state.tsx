// expect: none
import { useState } from "react";
export function Shop({ credits, cache }) {
  const [left, setLeft] = useState({ credits });
  const buy = (price: number) => {
    setLeft({ credits: left.credits - price });
    cache.update({ credits: left.credits - price });
  };
  return <button onClick={() => buy(1)}>{left.credits}</button>;
}
