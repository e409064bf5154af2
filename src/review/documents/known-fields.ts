/** The fields that definitions have. A name that nobody knows is most often a misspelt one. */
import { join, snake } from "../../billing/review/pipeline-steps.ts";
import type { FieldFault } from "./feature.ts";
import { DOCUMENT_RULE_IDS } from "./rules.ts";
import type { MapTree, Tree } from "./tree.ts";

const words = (list: string): ReadonlySet<string> => new Set(list.trim().split(/\s+/));

const FEATURE = words(`
  feature_id display_name name title description quota_cost high_cost category access_scope
  rate_limit_policy launch_plan version state enabled pipeline pipeline_id metadata labels tags owner
  icon inputs outputs params whitelist created_by create_time publish_time order sort_order
`);
const POLICY = words("max_per_hour max_per_day cooldown_seconds max_in_flight");
const PIPELINE = words(`
  pipeline_id feature_id id name display_name title description version kind api_version metadata
  labels tags owner on_failure on_error on_success on_timeout steps stages inputs input outputs output
  params env defaults variables timeout timeout_seconds retry retries retry_policy fail_fast
  failure_policy error_policy failure_strategy error_strategy continue_on_error continue_on_failure
  ignore_failure ignore_errors finally cleanup always parallel branches triggers trigger concurrency
  refund_on refund_when refund_if refund_reasons quota_cost task_type resources notifications
`);
const STEP = words(`
  id name display_name title description type uses action run call command script service provider
  vendor model endpoint url method with params input inputs output outputs args env variables body
  headers image result save_as assign set timeout timeout_seconds retry retries retry_policy if when
  unless condition only_if only except switch cases default needs depends_on after before on_failure
  on_error on_success on_timeout on_fail on_exception failure_policy error_policy failure_strategy
  error_strategy continue_on_error continue_on_failure ignore_failure ignore_failures ignore_error
  ignore_errors allow_failure allow_failures best_effort swallow_errors fail_fast steps stages then
  else do parallel branches pipeline finally cleanup always for_each foreach items loop matrix
  concurrency max_parallel metadata labels tags cost weight cache resources queue priority enabled
  refund_on refund_when refund_if refund_reasons
`);

/** Maps whose keys are the author's own. */
const FREE =
  /^x_|^metadata$|^labels$|^params$|^with$|^env$|^inputs?$|^outputs?$|^variables$|^headers$|^args$|^body$/;

export function unknownFeatureFields(map: MapTree): FieldFault[] {
  const policy = map.entries.find(({ key }) => snake(key) === "rate_limit_policy")?.value;
  return [
    ...unknownIn(map, "", FEATURE),
    ...(policy?.kind === "map" ? unknownIn(policy, "rate_limit_policy", POLICY) : []),
  ];
}

/** @param stepFields where the steps stand, as the rules name them */
export function unknownPipelineFields(
  root: MapTree,
  stepFields: readonly string[],
  at: (field: string) => Tree | undefined,
): FieldFault[] {
  const steps = stepFields.flatMap((field) => {
    const tree = at(field);
    return tree?.kind === "map" ? unknownIn(tree, field, STEP) : [];
  });
  return [...unknownIn(root, "", new Set([...PIPELINE, ...FEATURE])), ...steps];
}

function unknownIn(map: MapTree, field: string, known: ReadonlySet<string>): FieldFault[] {
  return map.entries
    .filter(({ key }) => !known.has(snake(key)) && !FREE.test(snake(key)))
    .map(({ key }) => {
      const near = nearest(snake(key), known);
      const hint = near === undefined ? "" : `; is ${near} meant?`;
      return {
        ruleId: DOCUMENT_RULE_IDS.unknownField,
        field: join(field, snake(key)),
        message: `${key.slice(0, 80)} is no field that is known here${hint}`,
      };
    });
}

/** Letters that may differ between what was written and what was meant. */
const TYPOS_MAX = 2;
const NAME_MAX = 40;

function nearest(name: string, known: ReadonlySet<string>): string | undefined {
  if (name.length > NAME_MAX || name.length <= TYPOS_MAX) return undefined;
  return [...known]
    .map((word) => ({ word, typos: distance(name, word) }))
    .filter(({ typos }) => typos <= TYPOS_MAX)
    .toSorted((a, b) => a.typos - b.typos)[0]?.word;
}

/** Letters to add, drop or change to come from one word to the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let a = 1; a <= from.length; a += 1) {
    const next = [a];
    for (let b = 1; b <= to.length; b += 1) {
      const change = (row[b - 1] ?? 0) + (from[a - 1] === to[b - 1] ? 0 : 1);
      next.push(Math.min(change, (row[b] ?? 0) + 1, (next[b - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
