// expect: none
// item: 5
export function RefundPolicy({ rating, credits }: { rating: number; credits: number }) {
  return (
    <section>
      <h2>Refunds</h2>
      <p>You have {credits} credits left.</p>
      {rating < 3 && <p>Sorry that you did not like it. Credits are returned for system failures only.</p>}
    </section>
  );
}
