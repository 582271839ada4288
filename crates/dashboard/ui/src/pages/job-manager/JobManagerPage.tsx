import { api } from "../../api/client";
import { Card } from "../../components/Card";
import { KeyValues } from "../../components/KeyValues";
import { LogFiles } from "../../components/LogFiles";
import { LogViewer } from "../../components/LogViewer";
import { ErrorNotice, Loading } from "../../components/Notice";
import { ProcessCharts } from "../../components/ProcessCharts";
import { Profiler } from "../../components/Profiler";
import { Tabs } from "../../components/Tabs";
import { Threads } from "../../components/Threads";
import { type JobManagerTab, link } from "../../lib/route";
import { isMissing } from "../../live/endpoints";
import { usePoll } from "../../live/poll";
import { EnvironmentTab } from "./EnvironmentTab";
import { LeadershipCard } from "./LeadershipCard";

/** The JobManager: how it is configured, what it says. */
export function JobManagerPage({ tab, file }: { tab: JobManagerTab; file: string | null }) {
  return (
    <>
      <div class="page-head">
        <h1>JobManager</h1>
      </div>
      <Tabs
        label="Parts of the JobManager"
        current={tab}
        tabs={[
          { id: "configuration", title: "Configuration", href: link.jobManager() },
          { id: "environment", title: "Environment", href: link.jobManager("environment") },
          { id: "log", title: "Log", href: link.jobManager("log") },
          { id: "stdout", title: "Stdout", href: link.jobManager("stdout") },
          { id: "files", title: "Log files", href: link.jobManager("files") },
          ...(isMissing("thread-dump") ? [] : [{ id: "threads", title: "Threads", href: link.jobManager("threads") }]),
          ...(isMissing("profiler") ? [] : [{ id: "profiler", title: "Profiler", href: link.jobManager("profiler") }]),
        ]}
      />
      {tab === "configuration" && <Configuration />}
      {tab === "environment" && <EnvironmentTab />}
      {tab === "log" && <LogViewer key="log" process={null} source="log" />}
      {tab === "stdout" && <LogViewer key="stdout" process={null} source="stdout" />}
      {tab === "threads" && <Threads process={null} />}
      {tab === "profiler" && <Profiler process={null} />}
      {tab === "files" &&
        (file ? (
          <LogViewer key={file} process={null} source={{ file }} back={link.jobManager("files")} />
        ) : (
          <LogFiles process={null} href={(name) => link.jobManager("files", name)} />
        ))}
    </>
  );
}

function Configuration() {
  // It changes only with a restart: asked again now and then for that.
  const { data, error } = usePoll("jobmanager-config", api.jobManagerConfig, { every: 10_000 });
  // All of it at once, so that nothing has to make room.
  if (!data && !error) return <Loading rows={6} label="Loading the configuration" />;
  return (
    <>
      <LeadershipCard settings={data} />
      <ProcessCharts process={null} />
      {data ? (
        <Card title="Configuration" flush>
          <KeyValues label="Configuration of the JobManager" entries={data} empty="Everything is at its default" />
        </Card>
      ) : (
        <ErrorNotice title="The configuration cannot be shown" error={error} />
      )}
    </>
  );
}
