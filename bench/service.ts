/**
 * The service as it runs in production: its own composition root, configured by the environment.
 * All that is added is telling the parent the port, and ending with it.
 */
import { loadConfig } from "../src/config.ts";
import { runUntilSignal } from "../src/lifecycle.ts";
import { startService } from "../src/main.ts";
import { tellServing } from "./child.ts";

const service = await startService(loadConfig(process.env));
runUntilSignal(service);
await service.ready;
tellServing(service.grpc.port);
