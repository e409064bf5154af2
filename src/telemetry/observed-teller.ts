/**
 * The teller as seen from outside: what it answers, and which traces a batch belongs to. A batch
 * serves many requests in one transaction, so its span has one of them as its parent and is linked
 * with the others.
 */
import { SpanStatusCode, trace, type Context, type Link } from "@opentelemetry/api";
import { Refusal } from "../billing/refusal.ts";
import type { Command, UseCase } from "../billing/quota/desk.ts";
import type { Served } from "../billing/quota/teller.ts";
import type { LaneTeller, ServeTickets } from "../store/teller.ts";
import { labels, type Instruments } from "./instruments.ts";
import type { RefusalShare } from "./refusal-share.ts";
import { activeContext, within, type Tracing } from "./tracing.ts";

/** Links of one span at most: a batch may serve more requests than a trace can show. */
const LINKS_MAX = 64;

export interface TellerTraces {
  /** Remembers that a command belongs to the trace that is active now. */
  note(command: object): void;
  /** Serves batches within a span where one of their commands is traced. */
  around(serveTickets: ServeTickets): ServeTickets;
}

/** With tracing, no batch inherits the context of whoever happened to start its lane. */
export function createTellerTraces(tracing: Tracing | undefined): TellerTraces {
  if (tracing === undefined) return { note: () => undefined, around: (serve) => serve };
  const contexts = new WeakMap<object, Context>();
  return {
    note(command) {
      const context = activeContext();
      if (context !== undefined) contexts.set(command, context);
    },
    around: (serve) => async (tickets, way, lane) => {
      const traced = tickets.flatMap(({ command }) => contexts.get(command) ?? []);
      const [parent, ...others] = traced;
      if (parent === undefined) return within(undefined, () => serve(tickets, way, lane));
      const links = others.slice(0, LINKS_MAX).flatMap(linkTo);
      const attributes = { "billing.lane": lane, "billing.batch.size": tickets.length };
      const span = tracing.tracer.startSpan("teller batch", { attributes, links }, parent);
      // The other requests' own spans lead to the batch that served them.
      for (const other of others) trace.getSpan(other)?.addLink({ context: span.spanContext() });
      try {
        return await within(trace.setSpan(parent, span), () => serve(tickets, way, lane));
      } catch (fault) {
        span.setStatus({ code: SpanStatusCode.ERROR });
        throw fault;
      } finally {
        span.end();
      }
    },
  };
}

function linkTo(context: Context): Link[] {
  const target = trace.getSpanContext(context);
  return target === undefined ? [] : [{ context: target }];
}

/** A teller that counts what it answers. */
export function observeTeller(
  teller: LaneTeller,
  instruments: Pick<Instruments, "decisions" | "replays">,
  traces: TellerTraces,
  answered: RefusalShare["answered"] = () => undefined,
): LaneTeller {
  const outcomes = labels("method", "outcome");
  const watch = async <Answer, Result extends Served<Answer> | undefined>(
    { method }: UseCase<never, Answer>,
    command: object,
    submit: () => Promise<Result>,
  ): Promise<Result> => {
    traces.note(command);
    try {
      const served = await submit();
      instruments.decisions.add(1, outcomes(method, served === undefined ? "SKIPPED" : "OK"));
      answered(method);
      if (served?.replayed) instruments.replays.add(1, { method });
      return served;
    } catch (fault) {
      instruments.decisions.add(1, outcomes(method, outcomeOf(fault)));
      answered(method, fault);
      throw fault;
    }
  };
  return {
    submit: <Input, Answer>(
      useCase: UseCase<Input, Answer>,
      command: Command<Input>,
      ...rest: Rest<LaneTeller["submit"]>
    ) => watch(useCase, command, () => teller.submit(useCase, command, ...rest)),
    trySubmit: <Input, Answer>(
      useCase: UseCase<Input, Answer>,
      command: Command<Input>,
      ...rest: Rest<LaneTeller["trySubmit"]>
    ) => watch(useCase, command, () => teller.trySubmit(useCase, command, ...rest)),
    drain: () => teller.drain(),
  };
}

/** The parameters after the use case and the command. */
type Rest<Method extends (...args: never[]) => unknown> =
  Parameters<Method> extends [unknown, unknown, ...infer Others] ? Others : never;

/** A refusal's reason; callers who gave up; anything else is a fault. */
function outcomeOf(fault: unknown): string {
  if (fault instanceof Refusal) return fault.reason;
  const name = fault instanceof Error ? fault.name : "";
  return name === "AbortError" || name === "TimeoutError" ? "GIVEN_UP" : "FAULT";
}
