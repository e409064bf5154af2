/** The catalogue as a server has it, on a schema of its own. */
import type { MikroORM } from "@mikro-orm/mysql";
import { approve } from "../../src/billing/catalog/decide-approval.ts";
import type { Approval, ApprovalMatter } from "../../src/billing/catalog/approval.ts";
import type { CatalogBooks, CatalogReader } from "../../src/billing/catalog/books.ts";
import { createFeatureVersion } from "../../src/billing/catalog/create-feature-version.ts";
import type { CatalogUseCase } from "../../src/billing/catalog/desk.ts";
import type { Feature, FeatureTerms } from "../../src/billing/catalog/feature.ts";
import { publishFeature } from "../../src/billing/catalog/publish-feature.ts";
import { requestApproval } from "../../src/billing/catalog/request-approval.ts";
import { createIdSource, type FeatureId } from "../../src/billing/id.ts";
import type { Served } from "../../src/billing/quota/teller.ts";
import type { DatabaseFlavour } from "../../src/local/database.ts";
import { createCatalogBooks } from "../../src/store/catalog-books.ts";
import { createCatalogReader } from "../../src/store/catalog-reader.ts";
import { migrate } from "../../src/store/migrate.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import type { Row } from "../../src/store/cell.ts";
import { freshSchema } from "./servers.ts";

export interface Catalogue {
  readonly url: string;
  readonly orm: MikroORM;
  readonly books: CatalogBooks;
  readonly reader: CatalogReader;
  sql(text: string): Promise<Row[]>;
  /** Sends a command with a key of its own, as `ada`, unless told otherwise. */
  send<Input, Answer>(
    useCase: CatalogUseCase<Input, Answer>,
    input: Input,
    more?: Sending,
  ): Promise<Served<Answer>>;
  /** Writes a draft of a feature, a new one unless one is named. */
  draft(change?: Partial<FeatureTerms>): Promise<Feature>;
  /** Writes a version and puts it in force. */
  published(change?: Partial<FeatureTerms>): Promise<Feature>;
  /** `ada` asks, and `bob` allows it. */
  approved(matter: ApprovalMatter): Promise<Approval>;
  close(): Promise<void>;
}

export interface Sending {
  readonly key?: string;
  readonly caller?: string;
  readonly validateOnly?: boolean;
  readonly signal?: AbortSignal;
}

let names = 0;
/** A name that nobody else in this run bears. */
export const uniqueName = (prefix: string): string => `${prefix}-${(names += 1)}`;

/** Terms that the reviewer has nothing to say against. */
export function terms(change: Partial<FeatureTerms> = {}): FeatureTerms {
  return {
    featureId: uniqueName("feature") as FeatureId,
    displayName: "图片去背景",
    quotaCost: 1n,
    highCost: false,
    category: "image",
    accessScope: "MEMBER",
    rateLimitPolicy: { maxPerHour: 600, maxPerDay: 5_000, cooldownSeconds: 0, maxInFlight: 0 },
    launchPlan: "",
    ...change,
  };
}

export async function openCatalogue(flavour: DatabaseFlavour): Promise<Catalogue> {
  const schema = await freshSchema(flavour);
  await migrate({ url: schema.url, warn: () => {} });
  const orm = await openOrm({ url: schema.url, poolMax: 12 });
  const ids = createIdSource(Math.random);
  const books = createCatalogBooks(orm, { ids, timeOf: (databaseMs) => databaseMs });
  const send: Catalogue["send"] = (useCase, input, more = {}) => {
    const command = {
      input,
      idempotencyKey: more.key ?? uniqueName("key"),
      caller: { name: more.caller ?? "ada" },
      validateOnly: more.validateOnly ?? false,
    };
    return books.serve(useCase, command, more.signal);
  };
  const draft: Catalogue["draft"] = async (change) =>
    (await send(createFeatureVersion, terms(change))).answer.feature;
  return {
    url: schema.url,
    orm,
    books,
    reader: createCatalogReader(orm),
    sql: (text) => orm.em.fork().execute<Row[]>(text),
    send,
    draft,
    async published(change) {
      const { featureId, version } = await draft(change);
      return (await send(publishFeature, { featureId, version })).answer.feature;
    },
    async approved(matter) {
      const { answer } = await send(requestApproval, { matter, reason: "because" });
      const { approvalId } = answer.approval;
      return (await send(approve, { approvalId, note: "fine" }, { caller: "bob" })).answer.approval;
    },
    async close() {
      await closeOrm(orm);
      await schema.drop();
    },
  };
}
