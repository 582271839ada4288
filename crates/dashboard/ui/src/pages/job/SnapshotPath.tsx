import type { Job } from "../../api/types";
import { CopyButton } from "../../components/CopyButton";
import { joinArguments } from "../../lib/arguments";
import { link } from "../../lib/route";
import { canSubmit } from "../../live/config";

interface Props {
  job: Job;
  path: string;
  /** Whether its files are known to be gone. */
  discarded?: boolean;
  /** Whether its files are likely to be there. */
  runnable?: boolean;
}

/** Where a checkpoint or savepoint is, to copy, and the way to a job that begins with it. */
export function SnapshotPath({ job, path, discarded = false, runnable = true }: Props) {
  const { submission } = job;
  return (
    <span class="path">
      <code class={discarded ? "path-gone" : ""}>{path}</code>
      <CopyButton text={path} what="path" />
      {discarded ? (
        <span class="badge" title="Newer checkpoints took its place, so its files were deleted">
          deleted
        </span>
      ) : (
        runnable &&
        submission?.jarId &&
        canSubmit.value && (
          <a
            class="path-run"
            title="Opens the form that runs this job's program, filled in to begin from here"
            href={link.submit({
              artifact: submission.jarId,
              entry: submission.entryClass ?? "",
              args: joinArguments(submission.programArgsList),
              parallelism: String(submission.parallelism),
              savepoint: path,
            })}
          >
            Run from here
          </a>
        )
      )}
    </span>
  );
}
