/** Reads the metrics of a running service, as Prometheus does. */

/** The values of all series of a metric. */
export async function readMetric(metricsUrl: string, name: string): Promise<number[]> {
  const text = await (await fetch(metricsUrl)).text();
  const series = new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "gm");
  return [...text.matchAll(series)].map(([, value]) => Number(value));
}
