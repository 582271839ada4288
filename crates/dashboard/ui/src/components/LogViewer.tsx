import { useMemo, useRef, useState } from "preact/hooks";
import { type LogSource, type Process, logPath } from "../api/client";
import { type LogTail, readLog } from "../api/log";
import { bytes, grouped, plural } from "../lib/format";
import { LEVELS, type Level, filterLog, parseLog } from "../lib/log-lines";
import { usePoll } from "../live/poll";
import { Card } from "./Card";
import { Icon } from "./Icon";
import { LogLevel } from "./LogLevel";
import { LogLines } from "./LogLines";
import { Empty, ErrorNotice, Loading } from "./Notice";
import { Search } from "./Search";

interface Props {
  process: Process;
  source: LogSource;
  /** Where "all files" leads, for a file of the log folder. */
  back?: string;
}

/** A log that grows before one's eyes: search, level, follow, download. */
export function LogViewer({ process, source, back }: Props) {
  const path = logPath(process, source);
  const known = useRef<LogTail | null>(null);
  const [search, setSearch] = useState("");
  const [least, setLeast] = useState<Level | null>(null);
  const [follow, setFollow] = useState(true);
  const { data, error } = usePoll(`log/${path}`, async (signal) => {
    known.current = await readLog(path, known.current, signal);
    return known.current;
  }, { keep: false });
  const lines = useMemo(() => parseLog(data?.text ?? ""), [data?.text]);
  const shown = useMemo(() => filterLog(lines, search, least), [lines, search, least]);
  const levels = useMemo(() => lines.some((line) => line.level !== null), [lines]);
  const name = typeof source === "string" ? source : source.file;
  return (
    <Card flush class="log-card">
      <div class="toolbar">
        {back && (
          <a class="button" href={back}>
            All files
          </a>
        )}
        <Search value={search} onInput={setSearch} label="Search" />
        {levels && (
          <select aria-label="Least level" value={least ?? ""} onChange={(event) => setLeast((event.currentTarget.value || null) as Level | null)}>
            <option value="">All levels</option>
            {LEVELS.map((level) => (
              <option key={level} value={level}>
                {level === "ERROR" ? "ERROR only" : `${level} and above`}
              </option>
            ))}
          </select>
        )}
        <label class="check">
          <input type="checkbox" checked={follow} onChange={(event) => setFollow(event.currentTarget.checked)} /> Follow
        </label>
        <span class="toolbar-end">
          {data && (
            <span class="muted" title={`${grouped(data.size)} bytes`}>
              {search || least ? `${grouped(shown.length)} of ` : ""}
              {plural(lines.length, "line")}, {bytes(data.size)}
            </span>
          )}
          {source === "log" && <LogLevel process={process} />}
          <a class="button" href={path} download={`${process?.taskManager ?? "jobmanager"}-${name}.txt`}>
            <Icon name="download" size={14} /> Download
          </a>
        </span>
      </div>
      {error !== null && <ErrorNotice title={`Cannot read ${name}`} error={error} />}
      {!data && !error && <Loading rows={8} label="Loading the log" />}
      {data && lines.length === 0 && (
        <Empty icon="file" title={source === "stdout" ? "Nothing was printed yet" : "The log is empty"}>
          New lines appear here by themselves.
        </Empty>
      )}
      {data && lines.length > 0 && shown.length === 0 && <Empty icon="search" title="No line matches" />}
      {shown.length > 0 && <LogLines lines={shown} search={search} follow={follow} onFollow={setFollow} cut={data?.cut ?? false} label={`Lines of ${name}`} />}
    </Card>
  );
}
