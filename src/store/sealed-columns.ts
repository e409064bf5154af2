/** Every column that is sealed: where it stands, so that a change of keys finds all of it. */
export interface SealedColumn {
  readonly table: string;
  readonly key: string;
  readonly column: string;
}

export const SEALED_COLUMNS: readonly SealedColumn[] = [
  { table: "orders", key: "order_id", column: "payer_openid_sealed" },
  { table: "orders", key: "order_id", column: "client_ip_sealed" },
  { table: "orders", key: "order_id", column: "prepay_sealed" },
  { table: "payment_inbox", key: "inbox_id", column: "content_sealed" },
  { table: "payment_numbers", key: "payment_id", column: "transaction_sealed" },
];

/** What a value is bound to: the row and the column where it stands. */
export function placeOf({ table, column }: SealedColumn, id: string): string {
  return `${table}.${column}:${id}`;
}
