// expect: none
const remaining = new Map<string, number>();
export function take(key: string) {
  const left = remaining.get(key) ?? 10;
  if (left < 1) return false;
  remaining.set(key, left - 1);
  return true;
}
export function render(points: { x: number; y: number }[]) {
  const state = { balance: 5, remaining: 3 };
  state.remaining -= 1;
  state.balance = state.balance - 1;
  return points.map((p) => p.x - 1);
}
