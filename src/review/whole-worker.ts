/** The process that makes one whole review; see `whole.ts`. */
import { reviewDocuments, isDocument } from "./documents/index.ts";
import { review } from "./review.ts";
import type { WholeAnswer, WholeJob } from "./whole.ts";

/** Its parent is gone: nobody waits for the answer, and the group must not outlive it. */
const onOrphaned = (): void => {
  process.kill(-process.pid, "SIGKILL");
};
process.once("disconnect", onOrphaned);

process.once("message", ({ files, ...options }: WholeJob) => {
  void answer(files, options);
});

async function answer(
  files: WholeJob["files"],
  { lockPolicy, today, limits }: Omit<WholeJob, "files">,
): Promise<void> {
  const result = await review(files, { lockPolicy, today, limits });
  const documents = files.filter(({ path }) => isDocument(path));
  const { featureCount, pipelineCount } = reviewDocuments(documents);
  const said: WholeAnswer = { result, featureCount, pipelineCount };
  process.send?.(said, () => {
    process.off("disconnect", onOrphaned);
    process.disconnect();
  });
}
