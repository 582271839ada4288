import { api } from "../../../api/client";
import type { Job } from "../../../api/types";
import { ErrorNotice, Loading } from "../../../components/Notice";
import { isPeriodic, trendOf } from "../../../lib/checkpoints";
import { isSettled } from "../../../lib/states";
import { usePoll } from "../../../live/poll";
import { HistoryCard } from "./HistoryCard";
import { NoCheckpoints } from "./NoCheckpoints";
import { OverviewCard } from "./OverviewCard";
import { SavepointsCard } from "./SavepointsCard";
import { SettingsCard } from "./SettingsCard";
import { SummaryCard } from "./SummaryCard";
import { TrendCard } from "./TrendCard";

/** What a job could go on from: its checkpoints and savepoints. */
export function CheckpointsTab({ job }: { job: Job }) {
  const { data, error } = usePoll(
    `checkpoints/${job.jid}`,
    async (signal) => {
      const checkpoints = await api.checkpoints(job.jid, signal);
      trendOf(job.jid).add(checkpoints.history);
      return checkpoints;
    },
    { until: () => isSettled(job) },
  );
  // Settings do not change while a job lives.
  const settings = usePoll(`checkpoint-config/${job.jid}`, (signal) => api.checkpointConfig(job.jid, signal), { until: () => true });
  if (!data) return error ? <ErrorNotice title="The checkpoints cannot be shown" error={error} /> : <Loading rows={6} label="Loading the checkpoints" />;
  const none = data.counts.total === 0 && data.latest.restored === null;
  const periodic = settings.data === null || isPeriodic(settings.data);
  return (
    <>
      {error !== null && <ErrorNotice title="The checkpoints could not be updated" error={error} />}
      {none ? <NoCheckpoints job={job} settings={settings.data} /> : <OverviewCard job={job} checkpoints={data} periodic={periodic} />}
      <TrendCard job={job} />
      <SavepointsCard job={job} checkpoints={data} />
      {data.history.length > 0 && <HistoryCard job={job} checkpoints={data} />}
      {data.counts.completed > 0 && <SummaryCard summary={data.summary} />}
      {settings.data && <SettingsCard settings={settings.data} />}
      {settings.error !== null && <ErrorNotice title="The settings of checkpoints cannot be shown" error={settings.error} />}
    </>
  );
}
