import { type Process, api, logPath } from "../api/client";
import { bytes, grouped } from "../lib/format";
import { usePoll } from "../live/poll";
import { Card } from "./Card";
import { DataTable } from "./DataTable";
import { Icon } from "./Icon";
import { Empty, ErrorNotice, Loading } from "./Notice";
import { When } from "./Times";

/** The files of a process's log folder. */
export function LogFiles({ process, href }: { process: Process; href: (name: string) => string }) {
  const { data, error } = usePoll(`logs/${process?.taskManager ?? ""}`, (signal) => api.logFiles(process, signal));
  return (
    <Card flush>
      {error !== null && <ErrorNotice title="The log files cannot be listed" error={error} />}
      {!data && !error && <Loading label="Loading the log files" />}
      {data?.length === 0 && <Empty icon="file" title="There are no log files" />}
      {data && data.length > 0 && (
        <DataTable
          label="Log files"
          rows={data}
          rowKey={(file) => file.name}
          sort={{ by: "name", order: "ascending" }}
          onRow={(file) => (location.hash = href(file.name))}
          columns={[
            { id: "name", title: "File", heading: true, value: (file) => file.name, cell: (file) => <a href={href(file.name)}>{file.name}</a> },
            { id: "size", title: "Size", numeric: true, value: (file) => file.size, cell: (file) => <span title={`${grouped(file.size)} bytes`}>{bytes(file.size)}</span> },
            { id: "changed", title: "Changed", numeric: true, value: (file) => file.mtime ?? 0, cell: (file) => <When time={file.mtime ?? 0} /> },
            {
              id: "download",
              title: "Download",
              numeric: true,
              cell: (file) => (
                <a class="icon-button" href={logPath(process, { file: file.name })} download={file.name} aria-label={`Download ${file.name}`} title="Download">
                  <Icon name="download" size={14} />
                </a>
              ),
            },
          ]}
        />
      )}
    </Card>
  );
}
