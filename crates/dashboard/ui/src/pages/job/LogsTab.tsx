import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { api } from "../../api/client";
import type { Job } from "../../api/types";
import { Card } from "../../components/Card";
import { LogLines } from "../../components/LogLines";
import { Empty, ErrorNotice, Loading } from "../../components/Notice";
import { Search } from "../../components/Search";
import { plural } from "../../lib/format";
import { LEVELS, type Level, jobLogLines } from "../../lib/log-lines";
import { isSettled } from "../../lib/states";
import { optional } from "../../live/endpoints";
import { usePoll } from "../../live/poll";

const EVERY_MS = 2000;
const AMOUNTS = [500, 2000, 5000] as const;
/** How long typing rests before the server is asked, so that it does not search for each letter. */
const TYPING_MS = 300;

/** What all daemons have logged of this job, in one list. The server searches, so that no log has to be loaded whole. */
export function LogsTab({ job }: { job: Job }) {
  const [search, setSearch] = useState("");
  const [asked, setAsked] = useState("");
  const [level, setLevel] = useState<Level | "">("");
  const [lines, setLines] = useState<number>(AMOUNTS[0]);
  const [follow, setFollow] = useState(true);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(search.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [search]);
  const key = `job-log/${job.jid}/${lines}/${level}/${asked}`;
  const { data, error, refresh } = usePoll(
    key,
    (signal) => optional("job-logs", () => api.jobLogs(job.jid, { lines, level, search: asked }, signal)).then((log) => ({ log })),
    { every: EVERY_MS, keep: false, until: ({ log }) => log === null || !follow || isSettled(job) },
  );
  // Who reads what was is not disturbed by what comes: only another question changes the lines then.
  const kept = useRef<{ key: string; data: typeof data }>({ key, data });
  if (follow || kept.current.key !== key || kept.current.data === null) kept.current = { key, data };
  const log = kept.current.data?.log;
  const shown = useMemo(() => jobLogLines(log?.lines ?? [], job.jid), [log, job.jid]);
  const changeFollow = (next: boolean) => {
    setFollow(next);
    if (next) refresh();
  };
  return (
    <Card flush class="log-card">
      <div class="toolbar">
        <Search value={search} onInput={setSearch} label="Search" />
        <select aria-label="Least level" value={level} onChange={(event) => setLevel(event.currentTarget.value as Level | "")}>
          <option value="">All levels</option>
          {LEVELS.map((name) => (
            <option key={name} value={name}>
              {name === "ERROR" ? "ERROR only" : `${name} and above`}
            </option>
          ))}
        </select>
        <select aria-label="How many lines" value={lines} onChange={(event) => setLines(Number(event.currentTarget.value))}>
          {AMOUNTS.map((n) => (
            <option key={n} value={n}>
              Last {n} lines
            </option>
          ))}
        </select>
        <label class="check">
          <input type="checkbox" checked={follow} onChange={(event) => changeFollow(event.currentTarget.checked)} /> Follow
        </label>
        {log && (
          <span class="muted toolbar-end">
            {log.truncated && "the last "}
            {plural(log.lines.length, "entry").replace(/entrys$/, "entries")}
          </span>
        )}
      </div>
      {error !== null && <ErrorNotice title="The logs cannot be shown" error={error} />}
      {!data && !error && <Loading rows={8} label="Loading the logs" />}
      {(log?.unavailable?.length ?? 0) > 0 && <p class="muted detail-text">Without what {log?.unavailable?.join(", ")} logged: it does not answer.</p>}
      {data && shown.length === 0 && (
        <Empty icon={asked || level ? "search" : "file"} title={data.log === null ? "This server has no log by job" : asked || level ? "No line matches" : "Nothing was logged of this job yet"}>
          {data.log !== null && !asked && !level && "New lines appear here by themselves. Logs that were rotated away are not searched."}
        </Empty>
      )}
      {shown.length > 0 && <LogLines lines={shown} search={asked} follow={follow} onFollow={changeFollow} cut={log?.truncated ?? false} label={`Log of ${job.name}`} />}
    </Card>
  );
}
