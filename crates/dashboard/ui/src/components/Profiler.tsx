import { useState } from "preact/hooks";
import { type Process, api, profilePath } from "../api/client";
import type { Profile, ProfileMode } from "../api/observe-types";
import { duration } from "../lib/format";
import { optional } from "../live/endpoints";
import { usePoll } from "../live/poll";
import { Card } from "./Card";
import { DataTable } from "./DataTable";
import { Field } from "./Field";
import { FlameGraph } from "./FlameGraph";
import { Empty, ErrorNotice, Loading } from "./Notice";
import { StateChip } from "./StateChip";
import { When } from "./Times";
import { Twist } from "./Twist";

/** The ways to sample that a native process has. */
const MODES: { id: ProfileMode; title: string }[] = [
  { id: "CPU", title: "CPU: where it computes" },
  { id: "WALL", title: "Wall: computing and waiting" },
];
/** What the server allows unless it is told otherwise; it refuses more with its own words. */
const LONGEST_S = 300;

/** Profiles of a process: take one, and see those that were taken. */
export function Profiler({ process }: { process: Process }) {
  const { data, error, refresh } = usePoll(`profiles/${process?.taskManager ?? ""}`, (signal) => optional("profiler", () => api.profiles(process, signal)).then((list) => ({ list })));
  if (!data) return error ? <ErrorNotice title="The profiles cannot be listed" error={error} /> : <Loading label="Loading the profiles" />;
  if (data.list === null) return <Empty title="This server takes no profiles" />;
  return (
    <>
      <TakeProfile process={process} busy={data.list.some(({ status }) => status === "RUNNING")} onTaken={refresh} />
      <Card title="Profiles" flush={data.list.length > 0}>
        {data.list.length === 0 ? <Empty icon="overview" title="No profile was taken yet">{`One taken above shows where ${process ? "this TaskManager and its task hosts spend their" : "the JobManager spends its"} time, as a flame graph.`}</Empty> : <List process={process} profiles={data.list} />}
      </Card>
    </>
  );
}

function TakeProfile({ process, busy, onTaken }: { process: Process; busy: boolean; onTaken: () => void }) {
  const [mode, setMode] = useState<ProfileMode>("CPU");
  const [seconds, setSeconds] = useState("30");
  const [asking, setAsking] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const n = Number(seconds);
  const wrong = Number.isInteger(n) && n >= 1 && n <= LONGEST_S ? undefined : `Give whole seconds from 1 to ${LONGEST_S}.`;
  const take = async () => {
    setAsking(true);
    setError(null);
    try {
      await api.profile(process, mode, n);
      onTaken();
    } catch (failure) {
      setError(failure);
    } finally {
      setAsking(false);
    }
  };
  return (
    <Card title="Take a profile">
      <form
        class="profile-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (!wrong) void take();
        }}
      >
        <label class="field">
          <span>Mode</span>
          <select value={mode} onChange={(event) => setMode(event.currentTarget.value as ProfileMode)}>
            {MODES.map(({ id, title }) => (
              <option key={id} value={id}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <Field name="duration" label="Seconds" value={seconds} onInput={setSeconds} error={wrong} />
        <button type="submit" class="button button-primary" disabled={busy || asking || wrong !== undefined}>
          {busy ? "A profile is being taken" : "Take profile"}
        </button>
      </form>
      {error !== null && <ErrorNotice title="The profile was not begun" error={error} onDismiss={() => setError(null)} />}
    </Card>
  );
}

/** The name of a result's tree, which is drawn here; the file itself is a page of its own. */
const treeOf = (file: string) => file.replace(/\.[^.]*$/, ".json");

function List({ process, profiles }: { process: Process; profiles: readonly Profile[] }) {
  const [open, setOpen] = useState<string | null>(null);
  const toggle = (file: string) => setOpen(open === file ? null : file);
  return (
    <DataTable
      label="Profiles"
      rows={profiles}
      rowKey={(profile) => `${profile.triggerTime}${profile.mode}`}
      sort={{ by: "time", order: "descending" }}
      detail={(profile) => (profile.outputFile !== null && profile.outputFile === open ? <Result process={process} file={profile.outputFile} /> : null)}
      columns={[
        {
          id: "time",
          title: "Taken",
          heading: true,
          value: (profile) => profile.triggerTime,
          cell: ({ outputFile, triggerTime }) =>
            outputFile ? (
              <Twist open={outputFile === open} onToggle={() => toggle(outputFile)}>
                <When time={triggerTime} />
              </Twist>
            ) : (
              <When time={triggerTime} />
            ),
        },
        { id: "status", title: "Status", value: (profile) => profile.status, cell: (profile) => <StateChip state={profile.status} /> },
        { id: "mode", title: "Mode", value: (profile) => profile.mode, cell: (profile) => profile.mode },
        { id: "duration", title: "Duration", numeric: true, value: (profile) => profile.duration ?? 0, cell: (profile) => (profile.duration === null ? <span class="muted">–</span> : duration(profile.duration * 1000)) },
        {
          id: "file",
          title: "File",
          cell: (profile) =>
            profile.outputFile ? (
              <a href={profilePath(process, profile.outputFile)} download={profile.outputFile}>
                {profile.outputFile}
              </a>
            ) : (
              <span class="muted">{profile.message ?? (profile.status === "RUNNING" ? "being taken" : "none")}</span>
            ),
        },
      ]}
    />
  );
}

/** A profile as a flame graph. */
function Result({ process, file }: { process: Process; file: string }) {
  const { data, error } = usePoll(`profile/${process?.taskManager ?? ""}/${file}`, (signal) => api.profileTree(process, treeOf(file), signal), { until: () => true, keep: false });
  if (!data) return error ? <ErrorNotice title="The profile cannot be drawn; its file can be downloaded" error={error} /> : <Loading label="Loading the profile" />;
  return data.value > 0 ? <FlameGraph root={data} what="the samples" /> : <Empty title="The profile has no samples">The process had nothing to do meanwhile.</Empty>;
}
