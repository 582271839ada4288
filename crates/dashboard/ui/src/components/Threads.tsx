import { useState } from "preact/hooks";
import { type Process, api } from "../api/client";
import { duration } from "../lib/format";
import { link } from "../lib/route";
import { type ThreadRow, jobOf, threadGroups } from "../lib/threads";
import { optional } from "../live/endpoints";
import { usePoll } from "../live/poll";
import { Card } from "./Card";
import { CopyButton } from "./CopyButton";
import { Empty, ErrorNotice, Loading } from "./Notice";
import { Search } from "./Search";
import { Ago } from "./Times";
import { serverNow } from "../live/connection";

/** The threads of a process as they were at one moment: they are asked for again only on request, so that one can read. */
export function Threads({ process }: { process: Process }) {
  const [search, setSearch] = useState("");
  const { data, error, refresh } = usePoll(
    `threads/${process?.taskManager ?? ""}`,
    async (signal) => ({ threads: await optional("thread-dump", () => api.threadDump(process, signal)), at: serverNow() }),
    { until: () => true, keep: false },
  );
  const needle = search.trim().toLowerCase();
  const threads = data?.threads ?? [];
  const shown = threads.filter((thread) => `${thread.threadName}\n${thread.stringifiedThreadInfo}`.toLowerCase().includes(needle));
  return (
    <Card flush>
      <div class="toolbar">
        <Search value={search} onInput={setSearch} label="Search threads" />
        <span class="toolbar-end">
          {data?.threads && (
            <span class="muted">
              {needle !== "" && `${shown.length} of `}
              {threads.length} threads, <Ago time={data.at} />
            </span>
          )}
          <CopyButton text={threads.map((thread) => thread.stringifiedThreadInfo).join("\n")} what="all threads" />
          <button type="button" class="button" onClick={refresh}>
            Take again
          </button>
        </span>
      </div>
      {error !== null && <ErrorNotice title="The threads cannot be shown" error={error} />}
      {!data && !error && <Loading rows={6} label="Loading the threads" />}
      {data && data.threads === null && <Empty title="This server shows no threads" />}
      {data?.threads && shown.length === 0 && <Empty icon="search" title="No thread matches" />}
      <div class="threads">
        {threadGroups(shown).map(({ process: name, rows }) => (
          <section key={name}>
            {name !== "" && <ProcessName name={name} threads={rows.length} />}
            {rows.map((row, i) => (
              <Thread key={`${row.name}${i}`} row={row} open={shown.length <= 12} />
            ))}
          </section>
        ))}
      </div>
    </Card>
  );
}

function ProcessName({ name, threads }: { name: string; threads: number }) {
  const job = jobOf(name);
  return (
    <h3 class="thread-process">
      {job ? (
        <>
          {name.replace(job, "").trim()} <a href={link.job(job)}>{job}</a>
        </>
      ) : (
        name
      )}
      <span class="muted">{threads} listed, by CPU time</span>
    </h3>
  );
}

function Thread({ row, open }: { row: ThreadRow; open: boolean }) {
  const line = (
    <>
      <span class="thread-name">{row.name}</span>
      <span class="muted">{row.state}</span>
      {row.cpu !== null && <span class="thread-cpu">{duration(row.cpu)} CPU</span>}
    </>
  );
  if (row.rest === "") return <p class="thread thread-line">{line}</p>;
  return (
    <details class="thread" open={open}>
      <summary>{line}</summary>
      <pre>{row.rest}</pre>
    </details>
  );
}
