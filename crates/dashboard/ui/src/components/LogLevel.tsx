import { useState } from "preact/hooks";
import { type Process, api } from "../api/client";
import { optional } from "../live/endpoints";
import { usePoll } from "../live/poll";
import { Dialog } from "./Dialog";
import { Field } from "./Field";
import { ErrorNotice } from "./Notice";

const LEVELS = ["error", "warn", "info", "debug", "trace"] as const;
const EVERY_MS = 10_000;

/** What a process logs now, and the way to change it. */
export function LogLevel({ process }: { process: Process }) {
  const [asking, setAsking] = useState(false);
  const { data, refresh } = usePoll(`log-level/${process?.taskManager ?? ""}`, (signal) => optional("log-level", () => api.logLevel(process, signal)), { every: EVERY_MS, until: (filter) => filter === null });
  if (data === null) return null;
  return (
    <>
      <button type="button" class="button" onClick={() => setAsking(true)} title="What this process writes to its log">
        Level: <span class="clip log-filter">{data}</span>
      </button>
      {asking && (
        <LevelDialog
          process={process}
          filter={data}
          onClose={() => setAsking(false)}
          onDone={() => {
            setAsking(false);
            refresh();
          }}
        />
      )}
    </>
  );
}

function LevelDialog({ process, filter, onClose, onDone }: { process: Process; filter: string; onClose: () => void; onDone: () => void }) {
  const [text, setText] = useState(filter);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const change = async () => {
    setBusy(true);
    setError(null);
    try {
      await api.setLogLevel(process, text.trim());
      onDone();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title="Change the log level?"
      onClose={onClose}
      actions={
        <>
          <button type="button" class="button" onClick={onClose}>
            Keep it
          </button>
          <button type="button" class="button button-primary" disabled={busy || text.trim() === "" || text.trim() === filter} onClick={() => void change()}>
            {busy ? "Changing" : "Change level"}
          </button>
        </>
      }
    >
      <p>
        {process === null ? "The JobManager" : <strong>{process.taskManager}</strong>} logs by the new filter at once, until it is started again. Debug and trace make logs grow quickly.
      </p>
      <div class="segments" role="group" aria-label="Levels">
        {LEVELS.map((level) => (
          <button key={level} type="button" aria-pressed={text.trim() === level} onClick={() => setText(level)}>
            {level}
          </button>
        ))}
      </div>
      <Field
        name="filter"
        label="Filter"
        value={text}
        onInput={setText}
        hint={
          <>
            A level, or some by target: <code>info,flott_jobmanager::job_master=debug</code>
          </>
        }
      />
      {error !== null && <ErrorNotice title="The level was not changed" error={error} />}
    </Dialog>
  );
}
