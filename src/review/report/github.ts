/** Annotations for GitHub Actions: commands on standard output that mark lines of a pull request. */
import type { Finding } from "../contract.ts";
import type { ReviewResult } from "../review.ts";
import { oneLine } from "./printable.ts";

const COMMANDS: Readonly<Record<Finding["severity"], string>> = {
  FAIL: "error",
  WARN: "warning",
  NOT_ANALYSED: "warning",
};

export function githubReport(result: ReviewResult): string {
  const annotations = result.findings.map(({ ruleId, severity, path, range, message, remediation }) => {
    const { start, end } = range;
    const properties = [
      `file=${property(path)}`,
      `line=${start.line}`,
      `endLine=${end.line}`,
      // Columns are for one line only; GitHub's are inclusive.
      ...(start.line === end.line
        ? [`col=${start.column}`, `endColumn=${Math.max(start.column, end.column - 1)}`]
        : []),
      `title=${property(`${severity} ${ruleId}`)}`,
    ];
    const text = data(`${oneLine(message)} Fix: ${oneLine(remediation)}`);
    return `::${COMMANDS[severity]} ${properties.join(",")}::${text}`;
  });
  const counts = `${result.findings.length} findings, ${result.suppressed.length} suppressed`;
  return `${[...annotations, `billing-review: ${result.verdict}, ${counts}`].join("\n")}\n`;
}

/** As the runner unescapes it. */
function data(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function property(text: string): string {
  return data(oneLine(text)).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
