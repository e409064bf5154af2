/** What every part of the bench is given. */
import type { Credential } from "./contenders.ts";
import type { Place } from "./place.ts";
import type { Scene } from "./runs.ts";

export interface Stage {
  readonly place: Place;
  readonly scene: Scene;
  readonly credential: Credential;
  readonly redisUrl: string | undefined;
  /** Progress, for whoever waits; figures are in what a part returns. */
  readonly say: (line: string) => void;
}
