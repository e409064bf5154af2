/**
 * The forms in which a review is written. The same review gives the same bytes: no time, no path of this
 * machine.
 */
export { githubReport } from "./github.ts";
export { jsonReport } from "./json.ts";
export { sarifReport } from "./sarif.ts";
export { textReport } from "./text.ts";
