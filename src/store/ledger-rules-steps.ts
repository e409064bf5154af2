/** Rules of the moves of orders and refunds, which stand in one table. */
import type { LedgerRule } from "./ledger-rule.ts";

interface Moving {
  readonly codes: readonly [string, string];
  readonly scope: "orders" | "refunds";
  readonly subject: string;
  readonly key: string;
  /** Which of the steps are of these subjects: ids of refunds come after those of orders. */
  readonly ids: string;
}

export function stepRules({ codes, scope, subject, key, ids }: Moving): readonly LedgerRule[] {
  const steps = `(select subject_id, sequence, from_state, to_state,
      lag(to_state) over (partition by subject_id order by sequence) as state_due,
      row_number() over (partition by subject_id order by sequence) as place
    from order_steps s where {s.subject_id} and ${ids})`;
  const last = `(select subject_id, count(*) as total, max(sequence) as highest,
      substring_index(group_concat(to_state order by sequence desc), ',', 1) as to_state
    from order_steps s where {s.subject_id} and ${ids} group by subject_id)`;
  return [
    {
      code: codes[0],
      scope,
      says: `The steps of ${subject} are numbered without a gap, and the last one left its state.`,
      sql: `select t.${key} as row_id, concat(t.state, ' after ', t.steps) as expected,
          concat(coalesce(s.to_state, 'nothing'), ' after ', coalesce(s.total, 0), ', the last ', coalesce(s.highest, 0)) as found
        from ${scope} t left join ${last} s on s.subject_id = t.${key}
        where {t.${key}} and (not (s.to_state <=> t.state) or coalesce(s.total, 0) <> t.steps
          or coalesce(s.highest, 0) <> t.steps)`,
    },
    {
      code: codes[1],
      scope,
      says: `Each step is of ${subject} that is known, and begins with the state that the one before left.`,
      sql: `select concat(s.subject_id, '/', s.sequence) as row_id, coalesce(s.state_due, '') as expected,
          if(t.${key} is null, 'of nothing', s.from_state) as found
        from ${steps} s left join ${scope} t on t.${key} = s.subject_id
        where t.${key} is null or s.from_state <> coalesce(s.state_due, '')`,
    },
  ];
}
