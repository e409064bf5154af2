/** The endpoint that Prometheus reads: `GET /metrics` on an address of its own, without TLS. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Meter } from "@opentelemetry/api";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider } from "@opentelemetry/sdk-metrics";

export interface MetricsEndpointOptions {
  /** Keep it on loopback or on a network that only the monitoring reaches. */
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
  /** What the metrics belong to, such as `service.instance.id`. */
  readonly resource: Readonly<Record<string, string>>;
}

export interface MetricsEndpoint {
  readonly meter: Meter;
  /** Where it can be read: `http://127.0.0.1:9464/metrics`. */
  readonly url: string;
  close(): Promise<void>;
}

const PATH = "/metrics";
/** A scrape takes milliseconds; who sends a request more slowly than this isn't Prometheus. */
const REQUEST_TIMEOUT_MS = 10_000;
/** More scrapers than anybody has. */
const CONNECTIONS_MAX = 50;

/** @throws Error of node:net when the address can't be listened on */
export async function openMetricsEndpoint(
  options: MetricsEndpointOptions,
): Promise<MetricsEndpoint> {
  const exporter = new PrometheusExporter({ preventServerStart: true, withoutScopeInfo: true });
  const resource = resourceFromAttributes(options.resource);
  const provider = new MeterProvider({ resource, readers: [exporter] });
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://metrics");
    if (pathname !== PATH) {
      response.writeHead(404, { "content-type": "text/plain" }).end(`see ${PATH}\n`);
    } else if (request.method !== "GET" && request.method !== "HEAD") {
      response.writeHead(405, { allow: "GET, HEAD" }).end();
    } else {
      exporter.getMetricsRequestHandler(request, response);
    }
  });
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = REQUEST_TIMEOUT_MS;
  server.maxConnections = CONNECTIONS_MAX;
  const { address, family, port } = await listen(server, options);
  const host = family === "IPv6" ? `[${address}]` : address;
  return {
    meter: provider.getMeter("billing-guard"),
    url: `http://${host}:${port}${PATH}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      await provider.shutdown();
    },
  };
}

function listen(server: Server, { host, port }: MetricsEndpointOptions): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      // A listening TCP server has an address with a port; only pipes have a name instead.
      resolve(server.address() as AddressInfo);
    });
  });
}
