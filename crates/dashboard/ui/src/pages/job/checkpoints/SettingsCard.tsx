import type { CheckpointConfig } from "../../../api/checkpoint-types";
import { Card } from "../../../components/Card";
import { CopyButton } from "../../../components/CopyButton";
import { Fact } from "../../../components/Facts";
import { alignment, isPeriodic, retention, tolerance } from "../../../lib/checkpoints";
import { grouped, roundDuration } from "../../../lib/format";

/** How the job takes checkpoints. Each fact names its setting. */
export function SettingsCard({ settings }: { settings: CheckpointConfig }) {
  const { directory } = settings;
  return (
    <Card title="Configuration">
      <dl class="facts">
        <Fact name="Interval" hint="execution.checkpointing.interval">
          {isPeriodic(settings) ? roundDuration(settings.interval) : "none by themselves"}
        </Fact>
        <Fact name="Mode" hint="execution.checkpointing.mode">
          {settings.mode.replaceAll("_", " ").toLowerCase()}
        </Fact>
        <Fact name="Timeout" hint="execution.checkpointing.timeout">
          {roundDuration(settings.timeout)}
        </Fact>
        <Fact name="Pause between two" hint="execution.checkpointing.min-pause">
          {settings.min_pause > 0 ? `at least ${roundDuration(settings.min_pause)}` : "none"}
        </Fact>
        <Fact name="At the same time" hint="execution.checkpointing.max-concurrent-checkpoints">
          {grouped(settings.max_concurrent)}
        </Fact>
        <Fact name="Tolerable failures" hint="execution.checkpointing.tolerable-failed-checkpoints">
          {tolerance(settings)}
        </Fact>
        <Fact name="Barriers" hint="execution.checkpointing.unaligned.enabled, execution.checkpointing.aligned-checkpoint-timeout">
          {alignment(settings)}
        </Fact>
        {settings.incremental !== undefined && (
          <Fact name="Incremental" hint="execution.checkpointing.incremental">
            {settings.incremental ? "yes" : "no"}
          </Fact>
        )}
        {settings.num_retained !== undefined && (
          <Fact name="Retained" hint="execution.checkpointing.num-retained">
            the last {grouped(settings.num_retained)}
          </Fact>
        )}
        <Fact name="At the end of the job" hint="execution.checkpointing.externalized-checkpoint-retention">
          {retention(settings)}
        </Fact>
        {settings.checkpoints_after_tasks_finish !== undefined && (
          <Fact name="After tasks have finished" hint="execution.checkpointing.checkpoints-after-tasks-finish">
            {settings.checkpoints_after_tasks_finish ? "go on" : "end"}
          </Fact>
        )}
        {directory && (
          <Fact name="Directory" hint="execution.checkpointing.dir" wide>
            <code>{directory}</code>
            <CopyButton text={directory} what="directory" />
          </Fact>
        )}
      </dl>
    </Card>
  );
}
